"""Puts together what LoadGen, the client and the server's metrics say of a test.

Pure: takes data, gives a Run.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from dragoman.load.answers import OK, REFUSED, WRONG, Answer
from dragoman.load.loadgen import LoadTest, Sample, Verdict
from dragoman.load.recorder import percentile
from dragoman.load.result import Moment, Run, Stages
from dragoman.load.scrape import STAGES, Reading, mean

PERCENTILES = (50.0, 90.0, 95.0, 97.0, 99.0, 99.9, 100.0)
CURVE = [half / 2 for half in range(201)]


class _Ended(NamedTuple):
    """A sample with its answer."""

    sample: Sample
    answer: Answer

    @property
    def at(self) -> float:
        """When it ended, in seconds since the start."""
        return self.sample.scheduled + self.sample.latency


def measure(
    test: LoadTest, verdict: Verdict, answers: Sequence[Answer], readings: Sequence[Reading]
) -> Run:
    """Returns what a test found.

    Args:
        test: What was asked.
        verdict: LoadGen's.
        answers: One for each of LoadGen's samples, in the order of sending.
        readings: Of the server's metrics, the first before the test and the last after it; none
            or one where they could not be read.
    """
    ended = [_Ended(*pair) for pair in zip(verdict.samples, answers, strict=True)]
    good = [each for each in ended if each.answer.status == OK]
    latencies = sorted(each.sample.latency for each in good)
    seconds = max(each.at for each in ended) - min(each.sample.scheduled for each in ended)
    outcomes = dict(Counter(answer.status for answer in answers).most_common())
    reasons = [*_failures(outcomes), *([] if verdict.valid else verdict.reasons)]
    within = sum(each <= test.bound_seconds for each in latencies)
    return Run(
        scenario=test.scenario,
        offered_rate=test.rate if test.scenario == "server" else None,
        seconds=seconds,
        requests=len(ended),
        outcomes=outcomes,
        completed_rate=len(good) / seconds,
        goodput=(within if test.scenario == "server" else len(good)) / seconds,
        target_tokens_per_second=sum(answer.target_tokens for answer in answers) / seconds,
        latency_ms=_percentiles(latencies),
        curve_ms=[percentile(latencies, each) * 1e3 for each in CURVE] if latencies else [],
        refusal_ms=_percentiles(
            sorted(answer.seconds for answer in answers if answer.status == REFUSED)
        ),
        valid=verdict.valid and not reasons,
        reasons=reasons,
        loadgen_summary=verdict.summary,
        timeline=_timeline(ended, readings),
        stages=_stages(latencies, readings),
    )


def _failures(outcomes: dict[str, int]) -> list[str]:
    total = sum(outcomes.values())
    return [
        f"{count} of {total} answers were wrong"
        if status == WRONG
        else f"{count} of {total} requests ended with {status}"
        for status, count in outcomes.items()
        if status != OK
    ]


def _percentiles(ascending: Sequence[float]) -> dict[str, float]:
    if not ascending:
        return {}
    return {f"{each:g}": percentile(ascending, each) * 1e3 for each in PERCENTILES}


def _timeline(ended: Sequence[_Ended], readings: Sequence[Reading]) -> list[Moment]:
    """Returns a moment for each second; the metrics' readings are taken as a second apart."""
    seconds: dict[int, list[_Ended]] = {}
    for each in ended:
        seconds.setdefault(int(each.at), []).append(each)
    moments = []
    for second in range(max(seconds) + 1):
        here = seconds.get(second, [])
        latencies = sorted(e.sample.latency for e in here if e.answer.status == OK)
        moments.append(
            Moment(
                second=second + 1,
                answered=len(latencies),
                refused=sum(e.answer.status == REFUSED for e in here),
                p50_ms=percentile(latencies, 50) * 1e3 if latencies else None,
                p97_ms=percentile(latencies, 97) * 1e3 if latencies else None,
                **_load(readings, second),
            )
        )
    return moments


def _load(readings: Sequence[Reading], second: int) -> dict[str, float | None]:
    """Returns what the metrics say of a second of the test."""
    if len(readings) < 2:  # noqa: PLR2004  a difference needs two
        return {}
    due = readings[0].at + second + 1
    after = next((i for i, reading in enumerate(readings) if reading.at >= due), len(readings) - 1)
    before = readings[max(after - 1, 0)]
    values = readings[after].values
    return {
        "waiting": values.get("requests_waiting"),
        "running": values.get("requests_running"),
        "rows_per_step": mean(before, readings[after], "batch_rows"),
    }


def _stages(latencies: Iterable[float], readings: Sequence[Reading]) -> Stages | None:
    measured = list(latencies)
    if len(readings) < 2 or not measured:  # noqa: PLR2004
        return None
    means = [mean(readings[0], readings[-1], f"request_{stage}_seconds") for stage in STAGES]
    if None in means:
        return None
    queue, encode, decode = (1e3 * (each or 0.0) for each in means)
    whole = 1e3 * sum(measured) / len(measured)
    return Stages(queue, encode, decode, max(0.0, whole - queue - encode - decode))
