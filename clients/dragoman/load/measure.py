"""Puts together what LoadGen, the client and the server's metrics say of a test.

Pure: takes data, gives a Run.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from math import ceil
from typing import NamedTuple

from dragoman.load.answers import OK, REFUSED, WRONG, Answer
from dragoman.load.confidence import enough_requests
from dragoman.load.loadgen import LoadTest, Sample, Verdict
from dragoman.load.recorder import percentile
from dragoman.load.result import Effort, Moment, Run, Stages
from dragoman.load.scrape import CPU_SECONDS, STAGES, Reading, increase, mean

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
    test: LoadTest,
    verdict: Verdict,
    answers: Sequence[Answer],
    readings: Sequence[Reading],
    *,
    client_cores: float,
) -> Run:
    """Returns what a test found.

    Args:
        test: What was asked.
        verdict: LoadGen's.
        answers: One for each of LoadGen's samples, in the order of sending.
        readings: Of the server's metrics, the first before the test and the last after it; none
            or one where they could not be read.
        client_cores: See Effort.
    """
    ended = [_Ended(*pair) for pair in zip(verdict.samples, answers, strict=True)]
    good = [each for each in ended if each.answer.status == OK]
    latencies = sorted(each.sample.latency for each in good)
    seconds = max(each.at for each in ended) - min(each.sample.scheduled for each in ended)
    outcomes = dict(Counter(answer.status for answer in answers).most_common())
    problems = {answer.status: answer.problem for answer in reversed(answers) if answer.problem}
    failures = _failures(outcomes, problems)
    enough = None if failures else _enough_requests(test, verdict)
    within = sum(each <= test.bound_seconds for each in latencies)
    return Run(
        scenario=test.scenario,
        target_rate=test.rate if test.scenario == "server" else None,
        offered_rate=_offered_rate(test, verdict.samples),
        seconds=seconds,
        requests=len(ended),
        outcomes=outcomes,
        problems=problems,
        completed_rate=len(good) / seconds,
        goodput=(within if test.scenario == "server" else len(good)) / seconds,
        target_tokens_per_second=sum(answer.target_tokens for answer in answers) / seconds,
        latency_ms=_percentiles(latencies),
        curve_ms=[percentile(latencies, each) * 1e3 for each in CURVE] if latencies else [],
        refusal_ms=_percentiles(
            sorted(answer.seconds for answer in answers if answer.status == REFUSED)
        ),
        valid=verdict.valid and not failures,
        reasons=[*failures, *_unsatisfied(test, verdict, seconds, enough)],
        enough_requests=enough,
        loadgen_summary=verdict.summary,
        timeline=_timeline(ended, readings),
        stages=_stages(latencies, readings),
        effort=Effort(client_cores, *_server_effort(readings)),
    )


def _failures(outcomes: dict[str, int], problems: dict[str, str]) -> list[str]:
    """What was not translated as it should be, each with what was said of the first."""
    total = sum(outcomes.values())
    told = []
    for status, count in outcomes.items():
        if status == OK:
            continue
        what = "answers were wrong" if status == WRONG else f"requests ended with {status}"
        problem = f": {problems[status]}" if status in problems else ""
        told.append(f"{count} of {total} {what}{problem}")
    return told


def _offered_rate(test: LoadTest, samples: Sequence[Sample]) -> float | None:
    """Requests per second of the time in which they were due: never fewer than are answered."""
    if test.scenario != "server":
        return None
    due = [sample.scheduled for sample in samples]
    seconds = max(due) - min(due)
    return len(samples) / seconds if seconds else test.rate


def _enough_requests(test: LoadTest, verdict: Verdict) -> int | None:
    """See Run."""
    if verdict.fewest_requests is None or verdict.unsatisfied != ["early stopping"]:
        return None
    if test.scenario != "server":
        return verdict.fewest_requests
    late = sum(sample.latency > test.bound_seconds for sample in verdict.samples)
    enough = enough_requests(test.percentile, late, len(verdict.samples))
    return max(verdict.fewest_requests, enough or 0)


def _unsatisfied(
    test: LoadTest, verdict: Verdict, seconds: float, enough: int | None
) -> Iterator[str]:
    """What LoadGen was not content with, and what would help."""
    requests = len(verdict.samples)
    for rule in verdict.unsatisfied:
        if enough is not None:
            rate = test.rate if test.scenario == "server" else requests / seconds
            yield (
                f"LoadGen: {requests:,} requests are too few to be sure; at this latency about "
                f"{enough:,} are enough: --duration {_duration(enough / rate)}"
            )
        elif test.scenario == "offline" and rule == "min duration":
            yield (
                f"LoadGen: all was done after {seconds:.3g} of {test.seconds:g} s; more is due at "
                f"once with --target-qps {ceil(requests / seconds)}"
            )
        else:
            yield f"LoadGen: {rule} not satisfied"


def _duration(seconds: float) -> str:
    """Writes it with some more, so that chance does not make it too short."""
    more = 1.1 * seconds
    return f"{ceil(more)}" if more > 10 else f"{ceil(10 * more) / 10:g}"  # noqa: PLR2004  seconds


def _percentiles(ascending: Sequence[float]) -> dict[str, float]:
    if not ascending:
        return {}
    return {f"{each:g}": percentile(ascending, each) * 1e3 for each in PERCENTILES}


def _timeline(ended: Sequence[_Ended], readings: Sequence[Reading]) -> list[Moment]:
    """Returns a moment for each second; the metrics' readings are taken as a second apart."""
    end = max(each.at for each in ended)
    count = max(1, round(end))
    seconds: dict[int, list[_Ended]] = {}
    for each in ended:
        seconds.setdefault(min(int(each.at), count - 1), []).append(each)
    moments = []
    for second in range(count):
        here = seconds.get(second, [])
        last = second == count - 1
        latencies = sorted(e.sample.latency for e in here if e.answer.status == OK)
        moments.append(
            Moment(
                second=end if last else second + 1,
                seconds=end - second if last else 1.0,
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


def _server_effort(readings: Sequence[Reading]) -> tuple[float | None, int | None]:
    """Cores kept busy, and engines."""
    if len(readings) < 2:  # noqa: PLR2004
        return None, None
    first, last = readings[0], readings[-1]
    seconds, engines = increase(first, last, CPU_SECONDS), last.values.get("engines")
    return (
        None if seconds is None else seconds / (last.at - first.at),
        None if engines is None else int(engines),
    )


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
