"""CPUs and memory of made-up machines: their control groups are files in a directory."""

import os
from pathlib import Path

import pytest

from dragoman_server.machine import cpu_count, memory_bytes

V2 = "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate"
V1_MEMORY = "35 31 0:32 / /sys/fs/cgroup/memory rw shared:9 - cgroup cgroup rw,memory"
V1_CPU = "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct"
NO_LIMIT = "9223372036854771712"
MACHINE = 8 << 30


class Machine:
    """A file system of what the kernel says."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def mount(self, *lines: str) -> None:
        self.write(
            "proc/self/mountinfo", "\n".join(["22 1 8:1 / / rw - ext4 /dev/sda1 rw", *lines])
        )

    def write(self, path: str, text: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{text}\n")

    @property
    def found(self) -> tuple[int, int]:
        return cpu_count(self.root), memory_bytes(self.root)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Of 8 CPUs and 8 GiB."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    sizes = {"SC_PHYS_PAGES": MACHINE // 4096, "SC_PAGE_SIZE": 4096}
    monkeypatch.setattr(os, "sysconf", sizes.__getitem__)
    return Machine(tmp_path)


def test_without_control_groups_the_machine_counts(machine: Machine) -> None:
    assert machine.found == (8, MACHINE)


@pytest.mark.parametrize(
    ("quota", "cpus"),
    [("max 100000", 8), ("200000 100000", 2), ("150000 100000", 1), ("50000 100000", 1), ("", 8)],
)
def test_a_containers_own_limits_count(machine: Machine, quota: str, cpus: int) -> None:
    machine.mount(V2)
    machine.write("proc/self/cgroup", "0::/")
    machine.write("sys/fs/cgroup/cpu.max", quota)
    machine.write("sys/fs/cgroup/memory.max", "536870912")
    machine.write("sys/fs/cgroup/memory.swap.max", "1073741824")
    assert machine.found == (cpus, 512 << 20)


def test_no_limit_is_max_or_more_than_there_is(machine: Machine) -> None:
    machine.mount(V2)
    machine.write("proc/self/cgroup", "0::/")
    machine.write("sys/fs/cgroup/memory.max", "max")
    assert machine.found == (8, MACHINE)
    machine.write("sys/fs/cgroup/memory.max", str(MACHINE + 1))
    assert machine.found == (8, MACHINE)


@pytest.mark.parametrize("smallest", ["", "pods/", "pods/mine/"])
def test_of_nested_groups_the_smallest_limit_counts(machine: Machine, smallest: str) -> None:
    machine.mount(V2)
    machine.write("proc/self/cgroup", "0::/pods/mine")
    for group in ("", "pods/", "pods/mine/"):
        is_smallest = group == smallest
        machine.write(f"sys/fs/cgroup/{group}memory.max", "1000" if is_smallest else "2000")
        machine.write(f"sys/fs/cgroup/{group}cpu.max", f"{3 if is_smallest else 5}0 10")
    assert machine.found == (3, 1000)


def test_what_the_kernel_throttles_from_is_a_limit_too(machine: Machine) -> None:
    machine.mount(V2)
    machine.write("proc/self/cgroup", "0::/")
    machine.write("sys/fs/cgroup/memory.max", "2000")
    machine.write("sys/fs/cgroup/memory.high", "1500")
    assert machine.found == (8, 1500)


def test_version_1_is_read(machine: Machine) -> None:
    machine.mount(V1_CPU, V1_MEMORY)
    machine.write("proc/self/cgroup", "4:memory:/pods/mine\n1:cpuacct,cpu:/pods\n0::/else")
    machine.write("sys/fs/cgroup/memory/memory.limit_in_bytes", NO_LIMIT)
    machine.write("sys/fs/cgroup/memory/pods/memory.limit_in_bytes", "3000")
    machine.write("sys/fs/cgroup/memory/pods/mine/memory.limit_in_bytes", NO_LIMIT)
    machine.write("sys/fs/cgroup/memory/else/memory.limit_in_bytes", "1")
    machine.write("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1")
    machine.write("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000")
    machine.write("sys/fs/cgroup/cpu,cpuacct/pods/cpu.cfs_quota_us", "250000")
    machine.write("sys/fs/cgroup/cpu,cpuacct/pods/cpu.cfs_period_us", "100000")
    assert machine.found == (2, 3000)


@pytest.mark.parametrize("path", ["/docker/abc", "/docker/abc/inner", "/../elsewhere", "/other"])
def test_a_container_that_sees_its_own_group_alone_finds_its_limits(
    machine: Machine, path: str
) -> None:
    """Without a namespace of groups its path is the host's, and its mount begins at its own."""
    machine.mount(V1_MEMORY.replace(" / /sys", " /docker/abc /sys"))
    machine.write("proc/self/cgroup", f"4:memory:{path}")
    machine.write("sys/fs/cgroup/memory/memory.limit_in_bytes", "4000")
    assert machine.found == (8, 4000)


def test_controllers_of_both_versions_are_found_side_by_side(machine: Machine) -> None:
    machine.mount(V1_CPU, V2.replace("/sys/fs/cgroup ", "/sys/fs/cgroup/unified "))
    machine.write("proc/self/cgroup", "1:cpu,cpuacct:/\n0::/mine")
    machine.write("sys/fs/cgroup/unified/mine/memory.max", "5000")
    machine.write("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "100000")
    machine.write("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000")
    assert machine.found == (1, 5000)


def test_this_machine_has_cpus_and_memory() -> None:
    assert cpu_count() >= 1
    assert memory_bytes() > 1 << 20
