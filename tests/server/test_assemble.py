import logging
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from dragoman_server.assemble import Allotment, Loader, build_engine
from dragoman_server.config import Config
from dragoman_server.engine.async_engine import AsyncEngine
from dragoman_server.engine.turns import Request, Share, Turns
from dragoman_server.errors import BundleError, ConfigError
from dragoman_server.models.bundle import Bundle
from dragoman_server.monitoring.metrics import Metrics
from dragoman_server.pool import find_bundle
from dragoman_server.runtime.layout import Layout
from dragoman_server.runtime.prepared import Runners
from dragoman_server.runtime.pytorch import loading
from dragoman_server.sequence import TranslationOptions
from dragoman_server.service.listing import model_limits


async def test_a_built_engine_translates(bundle: Path) -> None:
    loaded = Bundle.load(bundle)
    config = Config(bundle=bundle, engines=2, max_batch_size=4, max_input_length=20)
    limits = model_limits(loaded.manifest, config)
    engine, provider, _, _ = build_engine(loaded, config, limits, Metrics())
    assert provider == "cpu"
    assert engine.engine_count == 2
    sizes = loaded.manifest.architecture
    positions = 20 + limits.max_decoding_length + 1
    element = 4 if loaded.manifest.precision == "float32" else 1
    per_position = 2 * sizes.decoder_layers * sizes.decoder_heads * sizes.head_dim * element
    assert engine.kv_cache_bytes == 2 * 4 * positions * per_position
    await engine.start()
    try:
        futures = engine.submit([[3, 4, 0]] * 9, TranslationOptions(10))
        completions = [await future for future in futures]
    finally:
        await engine.close()
    assert len({tuple(completion.token_ids) for completion in completions}) == 1
    assert completions[0].score is not None


class Counted(Turns):
    """Turns that count who asks for one."""

    asked = 0

    def ask(self, share: Share) -> Request:
        self.asked += 1
        return super().ask(share)


@pytest.mark.parametrize("name", ["float32", "torchscript"])
async def test_the_cores_are_shared_whatever_runs_a_model(
    name: str, request: pytest.FixtureRequest
) -> None:
    loaded = Bundle.load(request.getfixturevalue(f"{name}_bundle"))
    config = Config(bundle=loaded.path, engines=2, max_batch_size=4)
    limits, turns = model_limits(loaded.manifest, config), Counted(1)
    built = build_engine(loaded, config, limits, Metrics(), Allotment(turns=turns))
    assert (built.provider, built.engine.engine_count) == ("cpu", 2)
    await built.engine.start()
    try:
        futures = built.engine.submit([[3, 4, 0]] * 9, TranslationOptions(10))
        completions = [await future for future in futures]
    finally:
        await built.engine.close()
    assert len({tuple(completion.token_ids) for completion in completions}) == 1
    assert turns.asked > 0


@pytest.mark.parametrize("is_fixed", [False, True])
def test_fixed_shapes_are_for_torch(
    *,
    is_fixed: bool,
    float32_bundle: Path,
    torchscript_bundle: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    given = []
    load = loading.load_runners

    def spied(*args: Any, fixed_shapes: bool, **kwargs: Any) -> Runners:
        given.append(fixed_shapes)
        return load(*args, fixed_shapes=fixed_shapes, **kwargs)

    monkeypatch.setattr(loading, "load_runners", spied)
    settings = {"engines": 1, "max_batch_size": 2, "fixed_batch_shapes": is_fixed}
    assert built(torchscript_bundle, **settings).engine_count == 1
    assert given == [is_fixed]
    assert "fixed_batch_shapes_without_effect" not in caplog.messages
    built(float32_bundle, **settings)
    assert ("fixed_batch_shapes_without_effect" in caplog.messages) is is_fixed


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"engines": 3}, 3),
        ({"threads_per_engine": 2}, 4),
        ({"threads_per_engine": 16}, 1),
        ({"engines": 3, "threads_per_engine": 2}, 3),
    ],
)
def test_what_is_set_is_not_measured(
    bundle: Path,
    settings: dict[str, int],
    expected: int,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    caplog.set_level(logging.INFO, "dragoman_server")
    assert built(bundle, **settings, max_batch_size=2).engine_count == expected
    assert "layout_chosen" not in caplog.messages


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"engines": 65}, "are 65 threads; allowed with 2 cores: at most 64"),
        ({"threads_per_engine": 1024}, "are 1,024 threads; allowed with 2 cores"),
        ({"engines": 8, "threads_per_engine": 9}, "are 72 threads; allowed with 2 cores"),
    ],
)
def test_more_threads_than_the_machine_could_ever_run_are_refused(
    bundle: Path, settings: dict[str, int], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    with pytest.raises(ConfigError, match=message):
        built(bundle, **settings)


@pytest.mark.parametrize("field", ["vocabulary_size", "max_positions"])
def test_a_manifest_that_says_more_than_the_graphs_have_is_refused(
    float32_bundle: Path, field: str
) -> None:
    loaded = Bundle.load(float32_bundle)
    config = Config(bundle=float32_bundle, engines=1, max_batch_size=2)
    setattr(loaded.manifest.architecture, field, 10_000)
    limits = model_limits(loaded.manifest, config)
    with pytest.raises(BundleError, match=r"do not run token \d+ at position \d+"):
        build_engine(loaded, config, limits, Metrics())


@pytest.mark.parametrize("error", [MemoryError, ValueError])
def test_caches_without_room_are_told(
    bundle: Path, error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(_: object) -> None:
        raise error

    monkeypatch.setattr("dragoman_server.runtime.runners.KVCache", no_room)
    with pytest.raises(ConfigError, match=r"no room for [\d,]+ bytes of caches: lower"):
        built(bundle, engines=1)


def test_a_single_core_has_one_engine(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})
    assert built(bundle, max_batch_size=2).engine_count == 1


def test_the_layout_is_measured_and_logged(
    bundle: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    caplog.set_level(logging.INFO, "dragoman_server")
    engine = built(bundle, max_batch_size=2, engine_processes=0)
    (record,) = [record for record in caplog.records if record.message == "layout_chosen"]
    told = record.__dict__
    assert set(told["rows_per_second"]) == {"2x1", "1x2"}
    assert all(rows > 0 for rows in told["rows_per_second"].values())
    assert engine.engine_count == told["engines"]
    assert told["engines"] * told["threads_per_engine"] == 2


def test_rows_are_those_of_the_engines_that_the_layout_has(
    bundle: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Where memory is scarce, one engine of two threads has as many as two engines together."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    files = sum(file.size_bytes for file in Bundle.load(bundle).manifest.files)
    monkeypatch.setattr("dragoman_server.service.listing.memory_bytes", lambda: files + (2 << 20))
    caplog.set_level(logging.INFO, "dragoman_server")
    rows = []
    for layout in (Layout(2, 1), Layout(1, 2)):
        monkeypatch.setattr("dragoman_server.runtime.tuning.layouts", lambda _, one=layout: [one])
        assert built(bundle, engine_processes=0).engine_count == layout.engines
        rows.append(caplog.records[-1].__dict__["rows"])
    assert 2 < rows[0] < 64
    assert rows[1] in (2 * rows[0], 2 * rows[0] + 1)


def test_a_bundle_that_a_gpu_could_run_takes_the_memory_of_where_it_runs(
    torchscript_bundle: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    manifest = Bundle.load(torchscript_bundle).manifest
    assert list(manifest.providers) == ["cuda", "cpu"]
    files = sum(file.size_bytes for file in manifest.files)
    monkeypatch.setattr("dragoman_server.service.listing.memory_bytes", lambda: files + (1 << 20))
    caplog.set_level(logging.INFO, "dragoman_server")
    config = Config(bundle=torchscript_bundle, engines=1)
    loaded = Loader(config, Metrics())(find_bundle(torchscript_bundle), 1)
    allocated = caplog.records[-1].__dict__
    assert allocated["rows"] == (1 << 19) // allocated["row_bytes"] < 64
    assert (loaded.setup.model.runtime, loaded.setup.model.provider) == ("torch", "cpu")


async def test_a_version_that_takes_anothers_place_has_as_many_processes(bundle: Path) -> None:
    found = find_bundle(bundle)
    asked = Loader(Config(bundle=bundle, engines=2, engine_processes=2), Metrics())(found, 1)
    assert asked.processes == 2
    unasked = Loader(Config(bundle=bundle), Metrics())
    following = unasked(found, 2, beside=True, like=asked)
    try:
        assert (following.layout, following.processes) == (Layout(2, 1), 2)
        beside = unasked(found, 3, beside=True)
        assert beside.processes == 0
    finally:
        for each in (asked, following):
            await each.engine.start()  # what has not started cannot be closed
            await each.engine.close()


def built(bundle: Path, **settings: Any) -> AsyncEngine:
    loaded = Bundle.load(bundle)
    config = Config(bundle=bundle, **settings)
    return build_engine(loaded, config, model_limits(loaded.manifest, config), Metrics())[0]


async def test_overwriting_the_weights_of_a_running_server_changes_no_translation(
    bundle: Path, tmp_path: Path
) -> None:
    copy = Path(shutil.copytree(bundle, tmp_path / "bundle"))
    engine = built(copy, engines=2, max_batch_size=4)
    await engine.start()
    try:
        before = await engine.submit([[3, 4, 0]], TranslationOptions(10))[0]
        weights = copy / "weights.bin"
        with weights.open("r+b") as file:
            file.write(bytes(weights.stat().st_size))
        zeroed = await engine.submit([[3, 4, 0]], TranslationOptions(10))[0]
        os.truncate(weights, 0)
        truncated = await engine.submit([[3, 4, 0]], TranslationOptions(10))[0]
    finally:
        await engine.close()
    assert before == zeroed == truncated
