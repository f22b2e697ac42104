"""Simulated engines behind the server's own messages: in processes of their own, or played by one.

Knows how they are started. Does not know who asks for translations.
"""

import functools
import os
import socket
import subprocess
import sys
from pathlib import Path

from dragoman_server.engine import EngineMetrics, Engines, Reports, WaitingQueue
from dragoman_server.hosting import EngineProcesses, Hosted, LoadedProcesses, LogStyle
from dragoman_server.hosting.host_process import HostProcess
from tests.bench.played_engines import Play
from tests.bench.simulated_engines import (
    MAX_ENCODE_TOKENS,
    Job,
    Log,
    StepCost,
    simulated,
)

ROOT = Path(__file__).parents[2]


def hosted(cost: StepCost, log: Path, engine: int, *, rows: int, engines: int) -> Hosted:
    """Makes one of so many engines, in its own process."""
    made = simulated(cost, Log(log, engines).line(engine), rows)
    return Hosted([made.runner], lambda: made.search, rows, [_nothing], cache_bytes=0)


class Playing:
    """LoadedProcesses, all of which are played by one."""

    def __init__(self, job: Job, path: Path) -> None:
        pairs = [socket.socketpair() for _ in range(job.engines)]
        descriptors = [theirs.fileno() for _, theirs in pairs]
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.played_engines"],
            stdin=subprocess.PIPE,
            pass_fds=descriptors,
        )
        assert process.stdin is not None
        with process.stdin as told:
            told.write(Play(job.cost, path, descriptors).dump().encode())
        for _, theirs in pairs:
            theirs.close()
        self.engines = [1] * job.engines
        self.processes = [HostProcess(process, ours) for ours, _ in pairs]


def _load(job: Job, path: Path) -> LoadedProcesses | Playing:
    if job.kind == "processes, played":
        return Playing(job, path)
    # Their modules are this tree's.
    os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    how = {"rows": job.rows, "engines": job.engines}
    each = [functools.partial(hosted, job.cost, path, index, **how) for index in range(job.engines)]
    return LoadedProcesses([(1, make) for make in each], LogStyle("warning", "json"))


def in_processes(
    job: Job, path: Path, queue: WaitingQueue, metrics: EngineMetrics, reports: Reports
) -> Engines:
    """Returns the engines of a job, in processes of their own or played."""
    return EngineProcesses(
        _load(job, path),  # type: ignore[arg-type]  # or what stands in for it
        queue,
        reports,
        max_batch_size=job.rows,
        max_encode_tokens=MAX_ENCODE_TOKENS,
        metrics=metrics,
    )


def _nothing() -> None:
    pass
