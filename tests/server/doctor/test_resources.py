from pathlib import Path

import pytest

from dragoman_server.doctor.bundles import Needs
from dragoman_server.doctor.resources import OWN_BYTES, TORCH_BYTES, check_cpus, check_memory
from dragoman_server.machine import cpu_count
from tests.server.service.harness import make_config

GIB = 1 << 30


def root(path: Path, *, available: int, limit: int) -> Path:
    """A file system whose kernel says so much."""
    (path / "proc/self").mkdir(parents=True)
    (path / "cgroup").mkdir()
    (path / "proc/meminfo").write_text(f"MemFree: 1 kB\nMemAvailable: {available >> 10} kB\n")
    (path / "proc/self/mountinfo").write_text("1 2 0:1 / /cgroup rw - cgroup2 cgroup rw\n")
    (path / "proc/self/cgroup").write_text("0::/\n")
    (path / "cgroup/memory.max").write_text(f"{limit}\n")
    return path


@pytest.mark.parametrize(
    ("caches", "available", "state"),
    [(GIB // 4, GIB, "ok"), (GIB // 4, GIB // 4, "warning"), (2 * GIB, GIB, "problem")],
)
def test_memory_is_what_the_limit_and_others_leave(
    tmp_path: Path, caches: int, available: int, state: str
) -> None:
    there = root(tmp_path, available=available, limit=GIB)
    needs = [Needs(GIB // 8, caches // 2), Needs(0, caches // 2)]
    finding = check_memory(needs, make_config(), there)
    assert finding.state == state
    assert "of the 1.00 GiB" in finding.found


def test_each_front_end_takes_memory(tmp_path: Path) -> None:
    there = root(tmp_path, available=GIB, limit=GIB)
    assert check_memory([Needs(0, 0)], make_config(), there).state == "ok"
    assert check_memory([Needs(0, 0)], make_config(workers=8), there).state == "problem"


def test_each_process_with_engines_has_the_model(tmp_path: Path) -> None:
    there = root(tmp_path, available=4 * GIB, limit=4 * GIB)
    needs = [Needs(GIB, 0)]
    assert check_memory(needs, make_config(engine_processes=1), there).state == "ok"
    assert check_memory(needs, make_config(engine_processes=4), there).state == "problem"


def test_torch_takes_memory_once(tmp_path: Path) -> None:
    there = root(tmp_path, available=GIB, limit=2 * OWN_BYTES)
    assert check_memory([Needs(0, 0)], make_config(), there).state == "ok"
    there = root(tmp_path / "more", available=GIB, limit=OWN_BYTES + TORCH_BYTES)
    for_torch = Needs(0, 0, "torch")
    assert check_memory([for_torch, for_torch, Needs(0, 0)], make_config(), there).state == "ok"
    assert check_memory([for_torch, Needs(1, 0)], make_config(), there).state == "problem"


def test_as_many_threads_as_cpus_are_fine() -> None:
    assert check_cpus(make_config()).state == "ok"


def test_more_threads_than_cpus_are_a_warning() -> None:
    finding = check_cpus(make_config(engines=cpu_count() + 1))
    assert finding.state == "warning"
    assert "lower engines" in finding.advice


def test_front_ends_want_cpus_of_their_own() -> None:
    finding = check_cpus(make_config(workers=cpu_count() + 1, engines=1))
    assert finding.state == "warning"
    assert "front ends leave" in finding.advice
