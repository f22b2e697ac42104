"""Graphs in onnxruntime: how long a run takes, and which part of it attention has.

Knows sessions and onnxruntime's profile. Does not know which lengths are tried, or how often.
"""

import json
import statistics
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

import onnxruntime

from dragoman_export.errors import UsageError
from dragoman_export.growth.bundle import Inputs

ATTENTION = "GroupQueryAttention"
"""The operator that encoders' graphs have for self-attention: scores, softmax and weighted sums.
Its projections are linear layers."""


class TimedGraph:
    """A graph whose runs are timed."""

    def __init__(self, graph: Path | bytes, threads: int) -> None:
        self._session = session(graph, options(threads))

    def seconds(self, inputs: Inputs, at_least: float) -> float:
        """Returns the median time of runs with these inputs; see `median_seconds`."""
        return median_seconds(lambda: self._session.run(None, inputs), at_least)


class ProfiledGraph:
    """A graph that tells which share of its nodes' time attention took, run by run."""

    def __init__(self, graph: Path, threads: int, directory: Path) -> None:
        """Loads it; the profile is written into `directory`."""
        profiling = options(threads)
        profiling.enable_profiling = True
        profiling.profile_file_prefix = str(directory / "encoder")
        self._session = session(graph, profiling)

    def run(self, inputs: Inputs) -> None:
        """Runs it once; profiling makes that take longer, so nobody looks at the clock."""
        self._session.run(None, inputs)

    def shares(self) -> list[float]:
        """Returns attention's share of each run so far; it cannot be run any more."""
        profile = Path(self._session.end_profiling())
        return list(attention_shares(json.loads(profile.read_bytes())))


def attention_shares(events: list[dict[str, Any]]) -> Iterator[float]:
    """Yields attention's share of each run of a profile.

    Args:
        events: As onnxruntime writes them: those of a run's nodes, then that of the run itself, or
            the other way round; times in microseconds.
    """
    runs = sorted(
        (event["ts"], event["ts"] + event["dur"])
        for event in events
        if event["name"] == "model_run"
    )
    nodes = sorted(
        (event["ts"], event["dur"], event["args"]["op_name"])
        for event in events
        if event.get("cat") == "Node" and event["name"].endswith("_kernel_time")
    )
    place = 0
    for begin, end in runs:
        attention = total = 0
        while place < len(nodes) and nodes[place][0] < begin:
            place += 1
        while place < len(nodes) and nodes[place][0] <= end:
            _, duration, operator = nodes[place]
            total += duration
            attention += duration if operator == ATTENTION else 0
            place += 1
        yield attention / max(total, 1)


def median_seconds(run: Callable[[], object], at_least: float) -> float:
    """Returns the median time of runs one after the other.

    Args:
        run: Runs once.
        at_least: Seconds that all of them take together; one run may take more.
    """
    found: list[float] = []
    started = before = perf_counter()
    while before - started < at_least or not found:
        run()
        after = perf_counter()
        found.append(after - before)
        before = after
    return statistics.median(found)


def options(threads: int) -> onnxruntime.SessionOptions:
    """Returns what sessions are made with, as the server has it."""
    made = onnxruntime.SessionOptions()
    made.intra_op_num_threads = threads
    made.log_severity_level = 3
    # Threads of one graph would spin while another one is timed.
    made.add_session_config_entry("session.force_spinning_stop", "1")
    return made


def session(
    graph: Path | bytes, settings: onnxruntime.SessionOptions
) -> onnxruntime.InferenceSession:
    """Loads a graph as the server does on a CPU.

    Raises:
        UsageError: onnxruntime cannot load it.
    """
    try:
        return onnxruntime.InferenceSession(
            graph,
            settings,
            providers=["CPUExecutionProvider"],
            disabled_optimizers=["SkipLayerNormFusion"],
        )
    except Exception as error:  # onnxruntime's exceptions share no other root
        raise UsageError(f"onnxruntime cannot load the graph: {error}") from error
