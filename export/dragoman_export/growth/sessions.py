"""Graphs in onnxruntime: how long a run takes, and which part of it attention has.

Knows sessions and onnxruntime's profile. Does not know which lengths are tried, or how often.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

import onnxruntime

from dragoman_export.growth.bundle import Inputs

ATTENTION = "GroupQueryAttention"
"""The operator that encoders' graphs have for self-attention: scores, softmax and weighted sums.
Its projections are linear layers."""


class TimedGraph:
    """A graph whose runs are timed."""

    def __init__(self, graph: Path | bytes, threads: int) -> None:
        self._session = _session(graph, _options(threads))

    def seconds(self, inputs: Inputs, at_least: float) -> float:
        """Returns the mean time of runs one after the other.

        Args:
            inputs: Of each run.
            at_least: Seconds that all of them take together; one run may take more.
        """
        runs = 0
        started = perf_counter()
        while True:
            self._session.run(None, inputs)
            runs += 1
            elapsed = perf_counter() - started
            if elapsed >= at_least:
                return elapsed / runs


class ProfiledGraph:
    """A graph that tells which share of its nodes' time attention took, run by run."""

    def __init__(self, graph: Path, threads: int, directory: Path) -> None:
        """Loads it; the profile is written into `directory`."""
        options = _options(threads)
        options.enable_profiling = True
        options.profile_file_prefix = str(directory / "encoder")
        self._session = _session(graph, options)

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


def _options(threads: int) -> onnxruntime.SessionOptions:
    """As the server has them."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    # Threads of one graph would spin while another one is timed.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    return options


def _session(
    graph: Path | bytes, options: onnxruntime.SessionOptions
) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(
        graph,
        options,
        providers=["CPUExecutionProvider"],
        disabled_optimizers=["SkipLayerNormFusion"],
    )
