"""What a process's limits leave: enough to start, enough for a call, or too little."""

import gc
import math
import resource
from collections.abc import Callable
from pathlib import Path

import pytest

from dragoman_server.errors import ConfigError, OutOfMemoryError
from dragoman_server.memory import (
    COLLECT_EVERY,
    RESERVE_BYTES,
    START_BYTES,
    MemoryLimit,
    collect_seldom,
    keep_loaded,
)

PAGE = resource.getpagesize()
NONE = resource.RLIM_INFINITY


@pytest.fixture
def statm(tmp_path: Path) -> Path:
    """1,000 pages in all, 300 of data."""
    path = tmp_path / "statm"
    path.write_text("1000 400 100 1 0 300 0\n")
    return path


def limits(**soft: int) -> Callable[[int], tuple[int, int]]:
    named = {resource.RLIMIT_AS: "space", resource.RLIMIT_DATA: "data"}
    return lambda kind: (soft.get(named[kind], NONE), NONE)


def test_without_limits_there_is_always_memory() -> None:
    memory = MemoryLimit(limits(), Path("nowhere"))
    assert memory.left == math.inf
    memory.check_start()
    memory.check()


@pytest.mark.parametrize(
    ("soft", "left"),
    [
        ({"space": 5000 * PAGE}, 4000),
        ({"data": 5000 * PAGE}, 4700),
        ({"space": 5000 * PAGE, "data": 4000 * PAGE}, 3700),
        ({"space": 900 * PAGE}, -100),
    ],
)
def test_the_nearest_limit_counts(statm: Path, soft: dict[str, int], left: int) -> None:
    assert MemoryLimit(limits(**soft), statm).left == left * PAGE


def test_what_is_enough_for_a_call_is_not_enough_to_start(statm: Path) -> None:
    memory = MemoryLimit(limits(space=1000 * PAGE + START_BYTES - 1), statm)
    with pytest.raises(ConfigError, match=f"leave {START_BYTES - 1:,} bytes of memory for calls"):
        memory.check_start()
    memory.check()


def test_memory_that_is_taken_later_is_missed(statm: Path) -> None:
    memory = MemoryLimit(limits(space=1000 * PAGE + RESERVE_BYTES), statm)
    memory.check()
    statm.write_text("1001 400 100 1 0 300 0\n")
    assert memory.is_low
    with pytest.raises(OutOfMemoryError, match="no memory left"):
        memory.check()


def test_this_process_can_be_looked_at() -> None:
    huge = 1 << 60
    assert 0 < huge - MemoryLimit(limits(space=huge)).left < 1 << 50


def test_a_process_without_a_front_end_collects_seldom() -> None:
    before = gc.get_threshold()
    try:
        gc.set_threshold(700)  # Python's own
        keep_loaded()
        assert gc.get_freeze_count()
        assert gc.get_threshold()[0] == 700  # calls that were cancelled are found soon
        collect_seldom()
        assert gc.get_threshold()[0] == COLLECT_EVERY > 700
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)
