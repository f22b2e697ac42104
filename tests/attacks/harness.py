"""A server that is attacked, and ten light callers who must not notice.

    with Server(bundle) as server:
        with LightCallers(server.address) as alone: time.sleep(3)
        before = server.rss_bytes()
        with LightCallers(server.address) as beside: attack(server.address)
        assert beside.report.wrong == 0 and beside.report.errors == {}

The callers are a process of their own (light_callers.py), so that an attack made by the test's
process takes no time of theirs but what it takes of the machine.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from tests.attacks import guarded
from tests.integration.served import Served

CALLERS = 10


class Server(Served):
    """`dragoman serve`, as `Served` starts and stops it, with a look at its memory.

    With ATTACKED=guarded in the environment it asks who calls and has two more models.
    """

    def __init__(self, bundle: Path, **settings: object) -> None:
        self._directory = tempfile.TemporaryDirectory() if guarded.IS_GUARDED else None
        if self._directory is None:
            super().__init__(bundle, **settings)
        else:
            told = guarded.settings(bundle, Path(self._directory.name))
            super().__init__(None, **(told | settings))

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        super().__exit__(exc_type, exc, traceback)
        if self._directory is not None:
            self._directory.cleanup()

    @property
    def port(self) -> int:
        """Of gRPC."""
        return int(self.address.rpartition(":")[2])

    @property
    def metrics_port(self) -> int:
        return int(self.metrics_address.rpartition(":")[2])

    def pids(self) -> list[int]:
        """The process and all that it started."""
        return _tree(self.process.pid)

    def rss_bytes(self) -> int:
        """Resident memory of the process and of all that it started."""
        return sum(memory_bytes(pid, "VmRSS") for pid in self.pids())

    def peak_bytes(self) -> int:
        """The most that each process has had resident at any moment, added up."""
        return sum(memory_bytes(pid, "VmHWM") for pid in self.pids())


class Report(NamedTuple):
    """What light callers saw."""

    calls: int
    p99_seconds: float
    wrong: int
    """Answers that differ from the one that the caller had at first."""
    errors: dict[str, int]
    """Calls that failed, by the name of their code and what they were told."""


class LightCallers:
    """Ten callers, each with a connection of its own and one sentence at a time, while in `with`.

    `report` is there after the `with`. What is right they ask for before the `with` begins.
    """

    report: Report

    def __init__(self, address: str, *, callers: int = CALLERS, timeout: float = 30) -> None:
        self._command = [sys.executable, "-m", "tests.attacks.light_callers"]
        self._command += [address, str(callers), str(timeout)]

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            told, _ = self._process.communicate("stop\n", timeout=60)
        finally:
            self._process.kill()
        if exc is None:
            self.report = Report(**json.loads(told))


def _tree(pid: int) -> list[int]:
    children: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        children += map(int, (task / "children").read_text().split())
    return [pid, *(each for child in children for each in _tree(child))]


def memory_bytes(pid: int, figure: str) -> int:
    """Returns a figure of the memory of a process, as /proc names it."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{figure}:"):
            return int(line.split()[1]) * 1024
    return 0
