"""The door to MLPerf LoadGen: runs one test and reads what it logged.

LoadGen decides when a request is due, counts latencies from that moment, and says whether the test
is valid. Does not know gRPC, nor what a sample is.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import mlperf_loadgen

from dragoman.load.result import Scenario

_SCENARIOS = {
    "single-stream": mlperf_loadgen.TestScenario.SingleStream,
    "server": mlperf_loadgen.TestScenario.Server,
    "offline": mlperf_loadgen.TestScenario.Offline,
}

SHORT_LATENCY_NS = 1_000_000
LATENCY_MARGIN = 4.0
"""Times as fast as expected that one request after the other may be: LoadGen makes them before the
test and must not run out of them."""

Send = Callable[[Sequence[int], Sequence[int]], None]
"""Takes LoadGen's response ids and the samples' indices."""


@dataclass(frozen=True)
class LoadTest:
    """What LoadGen is asked to do."""

    scenario: Scenario
    seconds: float
    """Shortest duration of the test."""
    samples: int
    """Different samples that there are."""
    rate: float = 1.0
    """Requests per second of the server scenario; in the others the rate expected, which decides
    how many samples there are."""
    requests: int = 1
    """Fewest requests; the test is as much longer as they take."""
    bound_seconds: float = 0.25
    """Of the latency, in the server scenario."""
    percentile: float = 97.0
    """Per cent of the requests that must be within the bound."""
    seed: int = 0
    """Of the samples' order and the arrivals' times."""
    most_outstanding: int = 0
    """Requests without an answer at which the test is given up; 0 for no limit."""


class Sample(NamedTuple):
    """A sample that was issued, in the order of issue. Seconds."""

    sentence: int
    scheduled: float
    """Since the start of the test."""
    latency: float
    """From then to its completion."""


@dataclass(frozen=True)
class Verdict:
    """What LoadGen found."""

    valid: bool
    unsatisfied: list[str]
    """Its rules that were not, in its words: "early stopping", "min duration", ..."""
    fewest_requests: int | None
    """That it would need to be sure of the percentile, at least; None where it had enough."""
    summary: str
    samples: list[Sample]


def complete(response_ids: Sequence[int]) -> None:
    """Tells LoadGen that samples have ended."""
    mlperf_loadgen.QuerySamplesComplete(
        [mlperf_loadgen.QuerySampleResponse(each, 0, 0) for each in response_ids]
    )


def run_test(test: LoadTest, send: Send, logs: Path) -> Verdict:
    """Runs a test; returns when every sample was completed.

    Args:
        test: What to do.
        send: Called on a thread of LoadGen's; must return at once.
        logs: Existing directory that LoadGen writes into.
    """
    system = mlperf_loadgen.ConstructFastSUT(send, _nothing)
    library = mlperf_loadgen.ConstructQSL(test.samples, test.samples, _ignore, _ignore)
    try:
        mlperf_loadgen.StartTestWithLogSettings(
            system, library, _settings(test), _log_settings(logs)
        )
    finally:
        mlperf_loadgen.DestroyQSL(library)
        mlperf_loadgen.DestroyFastSUT(system)
    return read_logs(logs)


def read_logs(logs: Path) -> Verdict:
    """Reads what LoadGen wrote about a test."""
    summary = (logs / "mlperf_log_summary.txt").read_text("utf-8")
    with (logs / "mlperf_log_trace.json").open(encoding="utf-8") as trace:
        found = [_sample(line) for line in trace if line.startswith('{"name":"Sample"')]
    samples = sorted(pair for pair in found if pair is not None)
    return Verdict(
        valid="Result is : VALID" in summary,
        unsatisfied=_unsatisfied(summary),
        fewest_requests=_fewest_requests(summary, len(samples)),
        summary=summary,
        samples=[sample for _, sample in samples],
    )


_SAMPLE = re.compile(
    r'"ts":(?P<microseconds>[-\d.]+),.*"sample_seq":(?P<sequence>\d+),.*"sample_idx":(?P<index>\d+),'
    r'.*"complete_ns":(?P<nanoseconds>\d+)'
)


def _sample(line: str) -> tuple[int, Sample] | None:
    """Returns place and times of a sample; None for a line about its end."""
    fields = _SAMPLE.search(line)
    if fields is None:
        return None
    return int(fields["sequence"]), Sample(
        int(fields["index"]),
        float(fields["microseconds"]) / 1e6,
        int(fields["nanoseconds"]) / 1e9,
    )


def _unsatisfied(summary: str) -> list[str]:
    lines = [line.strip() for line in summary.splitlines() if re.search(r": *N[Oo]$", line)]
    names = [re.split(r"\s*:\s*", line)[0] for line in lines]
    return [name.removesuffix(" satisfied").lower() for name in names]


def _fewest_requests(summary: str, requests: int) -> int | None:
    if more := re.search(r"Would need to run at least (\d+) more queries", summary):
        return requests + int(more[1])
    fewest = re.search(r"^ \* Need to process at least (\d+) queries", summary, re.MULTILINE)
    return int(fewest[1]) if fewest else None


def _settings(test: LoadTest) -> mlperf_loadgen.TestSettings:
    settings = mlperf_loadgen.TestSettings()
    settings.scenario = _SCENARIOS[test.scenario]
    settings.mode = mlperf_loadgen.TestMode.PerformanceOnly
    settings.min_duration_ms = round(test.seconds * 1000)
    settings.min_query_count = test.requests
    settings.single_stream_expected_latency_ns = min(
        SHORT_LATENCY_NS, round(1e9 / (LATENCY_MARGIN * test.rate))
    )
    settings.server_target_qps = settings.offline_expected_qps = test.rate
    settings.server_target_latency_ns = round(test.bound_seconds * 1e9)
    settings.server_target_latency_percentile = test.percentile / 100
    settings.single_stream_target_latency_percentile = test.percentile / 100
    settings.server_max_async_queries = test.most_outstanding
    settings.qsl_rng_seed = test.seed
    settings.sample_index_rng_seed = test.seed + 1
    settings.schedule_rng_seed = test.seed + 2
    return settings


def _log_settings(logs: Path) -> mlperf_loadgen.LogSettings:
    output = mlperf_loadgen.LogOutputSettings()
    output.outdir = str(logs)
    settings = mlperf_loadgen.LogSettings()
    settings.log_output = output
    settings.enable_trace = True  # holds each sample's latency
    return settings


def _nothing() -> None:
    """There is nothing to flush: every sample is sent at once."""


def _ignore(indices: Sequence[int]) -> None:
    """All samples are in memory from the beginning."""
