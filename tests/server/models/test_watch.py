"""A change of the bundle's files is told once, and so is the next one."""

import asyncio

import pytest

from dragoman_server.models import watch
from dragoman_server.models.watch import watch_files


async def test_each_change_is_told_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(watch, "WATCH_SECONDS", 0)
    looks = iter([[], ["weights.bin"], ["weights.bin"], ["a", "weights.bin"]])
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()

    def changed_files() -> list[str]:
        try:
            return next(looks)
        except StopIteration:
            loop.call_soon_threadsafe(ended.set)
            return ["a", "weights.bin"]

    watching = asyncio.create_task(watch_files(changed_files))
    await ended.wait()
    watching.cancel()
    told = [(record.message, vars(record)["files"]) for record in caplog.records]
    assert told == [
        ("bundle_changed", ["weights.bin"]),
        ("bundle_changed", ["a", "weights.bin"]),
    ]
