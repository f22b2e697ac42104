"""A pool follows what a directory has."""

import asyncio
import shutil
from pathlib import Path

import pytest

from dragoman_server.errors import BundleError
from dragoman_server.pool.folder import find_bundles
from dragoman_server.pool.follow import Follower
from dragoman_server.processes import Serve
from tests.server.pool.test_folder import bundle
from tests.server.pool.test_pool import Bench, bench


def following(directory: Path, it: Bench) -> Follower:
    return Follower(directory, it.pool, find_bundles(directory))


async def test_what_comes_is_loaded_and_what_goes_is_unloaded(tmp_path: Path) -> None:
    bundle(tmp_path / "en-de@1")
    it = bench(*find_bundles(tmp_path))
    follower = following(tmp_path, it)
    await follower.look()
    assert it.front_end.served == []
    bundle(tmp_path / ".new")
    (tmp_path / ".new").rename(tmp_path / "en-de@2")
    await follower.look()
    assert it.served == ["en-de@1", "en-de@2!"]
    shutil.rmtree(tmp_path / "en-de@1")
    await follower.look()
    await follower.look()
    assert it.served == ["en-de@2!"]


async def test_one_that_is_replaced_by_two_renames_is_never_unloaded(tmp_path: Path) -> None:
    path = bundle(tmp_path / "en-de@1")
    it = bench(*find_bundles(tmp_path))
    follower = following(tmp_path, it)
    path.rename(tmp_path / ".old")
    await follower.look()
    assert it.front_end.served == []
    bundle(path)
    await follower.look()
    assert it.front_end.served == [Serve((2,), frozenset({2}))]


async def test_a_renamed_bundle_is_served_all_the_time(tmp_path: Path) -> None:
    bundle(tmp_path / "en-de")
    (tmp_path / "a").symlink_to("en-de")
    it = bench(*find_bundles(tmp_path))
    follower = following(tmp_path, it)
    (tmp_path / "a").rename(tmp_path / "b")
    await follower.look()
    assert list(it.loader.engines) == [1]
    assert all(serve.numbers == (1,) for serve in it.front_end.served)


async def test_one_that_cannot_be_loaded_is_tried_again_when_it_is_another(tmp_path: Path) -> None:
    path = bundle(tmp_path / "en-de@1")
    it = bench()
    follower = Follower(tmp_path, it.pool, [])
    it.loader.errors["en-de@1"] = BundleError("damaged")
    await follower.look()
    await follower.look()
    assert len(it.loader.rooms) == 1
    assert it.pool.failures == {"en-de@1": "damaged"}
    it.loader.errors.clear()
    (path / "bundle.json").write_text("{ }")
    await follower.look()
    assert it.served == ["en-de@1!"]


async def test_one_without_room_is_tried_again_when_another_has_gone(tmp_path: Path) -> None:
    bundle(tmp_path / "en-de@1")
    it = bench(*find_bundles(tmp_path), total=15)
    follower = following(tmp_path, it)
    bundle(tmp_path / "en-de@2")
    await follower.look()
    assert it.pool.failures == {"en-de@2": "no room"}
    shutil.rmtree(tmp_path / "en-de@1")
    await follower.look()
    await follower.look()
    await it.settled()
    await follower.look()
    assert it.served == ["en-de@2!"]


async def test_what_cannot_be_read_changes_nothing_and_is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    directory = tmp_path / "models"
    bundle(directory / "en-de@1")
    it = bench(*find_bundles(directory))
    follower = following(directory, it)
    directory.rename(tmp_path / "elsewhere")
    await follower.look()
    await follower.look()
    assert it.front_end.served == []
    assert caplog.messages == ["models_unreadable"]


async def test_it_looks_again_and_again(tmp_path: Path) -> None:
    it = bench()
    follower = Follower(tmp_path, it.pool, [])
    run = asyncio.create_task(follower.run(0.001))
    bundle(tmp_path / "en-de@1")
    while not it.front_end.served:  # noqa: ASYNC110  it looks by itself
        await asyncio.sleep(0.001)
    run.cancel()
    assert it.served == ["en-de@1!"]


async def test_it_looks_on_after_a_look_that_failed_as_nobody_thought_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    it = bench()
    follower, looks = Follower(tmp_path, it.pool, []), asyncio.Queue[None]()

    async def fail() -> None:
        looks.put_nowait(None)
        raise ZeroDivisionError

    monkeypatch.setattr(follower, "look", fail)
    run = asyncio.create_task(follower.run(0.001))
    for _ in range(2):
        await looks.get()
    run.cancel()
    assert caplog.messages[0] == "models_look_failed"
