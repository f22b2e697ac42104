"""Made-up reports, with log-normal latencies; the same call gives the same report."""

import math
from dataclasses import replace
from statistics import NormalDist

from dragoman.load.result import Effort, Moment, Quality, Report, Run, Scenario, Stages

PERCENTILES = (50.0, 90.0, 95.0, 97.0, 99.0, 99.9, 100.0)

SUMMARY = """\
================================================
MLPerf Results Summary
================================================
SUT name : PySUT
Scenario : Server
Mode     : PerformanceOnly
Completed samples per second    : 111.41
Result is : VALID
  Performance constraints satisfied : Yes
  Min duration satisfied : Yes
  Min queries satisfied : Yes
  Early stopping satisfied: Yes

================================================
Additional Stats
================================================
Scheduled samples per second : 111.43
50.00 percentile latency (ns)   : 58215483
97.00 percentile latency (ns)   : 176327602
"""


def quantile(share: float, median_ms: float, spread: float) -> float:
    """Of latencies that are distributed log-normally."""
    share = min(max(share, 1e-4), 1 - 1e-4)
    return median_ms * math.exp(spread * NormalDist().inv_cdf(share))


def run(
    rate: float | None = 112.0,
    *,
    scenario: Scenario = "server",
    median_ms: float = 58.0,
    spread: float = 0.6,
    seconds: float = 60.0,
    ok: int = 6720,
    refused: int = 0,
    reasons: tuple[str, ...] = (),
    enough_requests: int | None = None,
) -> Run:
    """A run without a timeline and stages."""
    outcomes = {"OK": ok, "RESOURCE_EXHAUSTED": refused}
    return Run(
        scenario=scenario,
        target_rate=rate,
        offered_rate=rate,
        seconds=seconds,
        requests=ok + refused,
        outcomes={code: count for code, count in outcomes.items() if count},
        problems={},
        completed_rate=ok / seconds,
        goodput=0.98 * ok / seconds,
        target_tokens_per_second=24.6 * ok / seconds,
        latency_ms=percentiles(median_ms, spread) if ok else {},
        curve_ms=[quantile(k / 200, median_ms, spread) for k in range(201)] if ok else [],
        refusal_ms=percentiles(1.4, 0.4) if refused else {},
        valid=not reasons,
        reasons=list(reasons),
        enough_requests=enough_requests,
        loadgen_summary=SUMMARY,
    )


def percentiles(median_ms: float, spread: float) -> dict[str, float]:
    return {f"{p:g}": quantile(p / 100, median_ms, spread) for p in PERCENTILES}


def timeline(
    seconds: int, rate: float, median_ms: float, *, refused: float = 0.0, metrics: bool = True
) -> list[Moment]:
    """Seconds that differ a little from each other; with what metrics say, or without."""
    return [
        Moment(
            second=float(second),
            seconds=1.0,
            answered=round(rate * (1 + 0.09 * math.sin(1.7 * second))),
            refused=round(refused * (1 + 0.3 * math.sin(2.9 * second))) if second > 4 else 0,
            p50_ms=median_ms * (1 + 0.12 * math.sin(1.3 * second)),
            p97_ms=median_ms * (2.6 + 0.7 * math.sin(2.1 * second)),
            waiting=max(0.0, 0.1 * refused + 2 * math.sin(2.3 * second)) if metrics else None,
            running=rate * median_ms / 1000 * (1 + 0.2 * math.sin(second)) if metrics else None,
            rows_per_step=9 + 2 * math.sin(1.9 * second) if metrics else None,
        )
        for second in range(1, seconds + 1)
    ]


def report(*runs: Run, peak: int | None = None) -> Report:
    """Of these runs."""
    return Report(
        version="0.1.0",
        started_at="2025-03-04T10:15:30+01:00",
        command="dragoman load --target 127.0.0.1:50051 --latency-bound-ms 200 --beam-size 4",
        client="2 cores of an AMD EPYC, Linux 6.1, Python 3.11.9",
        target="127.0.0.1:50051",
        model="marian-en-de, int8, CPUExecutionProvider",
        corpus="sample.en.txt, 200 sentences",
        latency_bound_ms=200.0,
        latency_percentile=97.0,
        options={"--duration": "60.0", "--latency-bound-ms": "200.0", "--beam-size": "4"},
        runs=list(runs),
        peak=peak,
    )


def search() -> Report:
    """A search that found a peak, and its confirmation; with references."""
    slow = ("p97 of 231 ms is over the bound of 200 ms",)
    runs = [
        run(32.0, median_ms=34.0, spread=0.45, seconds=20.0, ok=640),
        run(64.0, median_ms=39.0, spread=0.5, seconds=20.0, ok=1280),
        run(128.0, median_ms=810.0, spread=0.7, seconds=20.0, ok=2380, reasons=OVERLOADED),
        run(96.0, median_ms=47.0, spread=0.55, seconds=20.0, ok=1920),
        run(116.0, median_ms=75.0, spread=0.6, seconds=20.0, ok=2320, reasons=slow),
        replace(
            run(112.0),
            timeline=timeline(60, 112.0, 58.0),
            effort=Effort(client_cores=0.211, server_cores=1.72, engines=2),
            stages=Stages(queue_ms=6.4, encode_ms=5.1, decode_ms=51.3, rest_ms=2.2),
        ),
    ]
    return replace(
        report(*runs, peak=5),
        quality=Quality(
            bleu=30.01,
            bleu_signature="nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:2.5.1",
            chrf=55.42,
            chrf_signature="nrefs:1|case:mixed|eff:yes|nc:6|nw:0|space:no|version:2.5.1",
            texts=6720,
        ),
    )


OVERLOADED = (
    "LoadGen: performance constraints not satisfied",
    "LoadGen: early stopping not satisfied",
)


def overload() -> Report:
    """One rate far above what the server does: it refuses a third."""
    reasons = (
        "2412 of 7203 requests ended with RESOURCE_EXHAUSTED",
        "3 of 7203 requests ended with DEADLINE_EXCEEDED",
        *OVERLOADED,
    )
    crowded = run(240.0, median_ms=410.0, spread=0.25, seconds=30, ok=4788, refused=2412)
    crowded = replace(
        crowded,
        goodput=11.2,
        valid=False,
        reasons=list(reasons),
        requests=crowded.requests + 3,
        outcomes=crowded.outcomes | {"DEADLINE_EXCEEDED": 3},
        timeline=timeline(30, 160.0, 410.0, refused=92.0),
        stages=Stages(queue_ms=322.0, encode_ms=9.4, decode_ms=78.1, rest_ms=3.6),
    )
    return report(crowded)


def single_stream() -> Report:
    """One text at a time, from a server whose metrics are not read."""
    alone = run(None, scenario="single-stream", median_ms=4.1, spread=0.35, seconds=60.0, ok=13_870)
    return report(replace(alone, goodput=231.2, timeline=timeline(60, 231.0, 4.1, metrics=False)))


def offline() -> Report:
    """All texts at once."""
    return report(run(None, scenario="offline", median_ms=9200.0, spread=0.5, ok=18_000))


def unanswered() -> Report:
    """Nothing was answered."""
    nothing = run(50.0, seconds=10.0, ok=0, reasons=("nothing was translated",))
    return report(replace(nothing, requests=500, outcomes={"UNAVAILABLE": 500}))
