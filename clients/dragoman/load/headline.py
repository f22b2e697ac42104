"""What the report says first: a sentence, and a card for each figure that matters.

Knows what a load test found and what of it is asked for in each scenario; no HTML.
"""

from dataclasses import dataclass
from typing import Literal

from dragoman.load.answers import OK, REFUSED
from dragoman.load.figures import NOTHING, at_percentile, readable, share
from dragoman.load.result import Report, Run


@dataclass(frozen=True)
class Card:
    """One figure."""

    name: str
    value: str
    unit: str = ""
    note: str = ""
    tone: Literal["", "good", "bad"] = ""


def headline(report: Report) -> str:
    """Returns the result in one sentence."""
    run = report.result
    if not run.latency_ms:
        return f"None of {run.requests:,} requests was answered with a translation."
    if report.peak is not None:
        peak = (
            f"{readable(run.offered_rate)} texts per second, arriving at random: "
            f"{report.latency_percentile:g} % of them are translated within "
            f"{readable(report.latency_bound_ms)} ms."
        )
        return f"{peak} {report.search_told}".rstrip()
    if report.search_told:
        return report.search_told
    return _of_a_single_run(run, report.latency_percentile)


def _of_a_single_run(run: Run, percentile: float) -> str:
    completed = readable(run.completed_rate)
    match run.scenario:
        case "server":
            offered = readable(run.offered_rate)
            return f"Of {offered} texts per second offered, {completed} were translated."
        case "single-stream":
            slow = readable(at_percentile(run, percentile))
            return (
                f"One text at a time: half of them are translated within "
                f"{readable(run.latency_ms['50'])} ms, {percentile:g} % within {slow} ms."
            )
        case "offline":
            return f"All texts at once: {completed} are translated per second."


def cards(report: Report) -> list[Card]:
    """Returns the figures of the result, the most important ones first."""
    run = report.result
    return [
        _rate(report),
        *(_latency(report, percentile) for percentile in headline_percentiles(report)),
        _goodput(run) if run.scenario == "server" else _requests(run),
        _tokens(run),
        _refused(run),
        _failed(run),
    ]


def headline_percentiles(report: Report) -> list[float]:
    """Returns the three percentiles that are told of every run: the bound's is among them."""
    others = {50.0, 99.0} if report.latency_percentile not in {50.0, 99.0} else {50.0, 90.0, 99.0}
    return sorted(others | {report.latency_percentile})


def failures(run: Run) -> int:
    """Returns how many requests were neither translated nor refused."""
    return run.requests - run.outcomes.get(OK, 0) - run.outcomes.get(REFUSED, 0)


def _rate(report: Report) -> Card:
    run = report.result
    completed = readable(run.completed_rate)
    if report.peak is not None:
        return Card("Peak rate", readable(run.offered_rate), "texts/s", f"{completed} completed")
    offered = "" if run.offered_rate is None else f"{readable(run.offered_rate)} offered"
    return Card("Completed", completed, "texts/s", offered)


def _latency(report: Report, percentile: float) -> Card:
    run = report.result
    latency = at_percentile(run, percentile)
    name = f"Latency, p{percentile:g}"
    if latency is None:
        return Card(name, NOTHING)
    if run.scenario != "server" or percentile != report.latency_percentile:
        return Card(name, readable(latency), "ms")
    kept = latency <= report.latency_bound_ms
    bound = f"bound {readable(report.latency_bound_ms)} ms"
    return Card(name, readable(latency), "ms", bound, "good" if kept else "bad")


def _goodput(run: Run) -> Card:
    within = f"{share(run.goodput, run.completed_rate)} of what was translated"
    note = within if run.completed_rate else ""
    return Card("Goodput", readable(run.goodput), "texts/s", note)


def _requests(run: Run) -> Card:
    return Card("Requests", f"{run.requests:,}", "", f"in {readable(run.seconds)} s")


def _tokens(run: Run) -> Card:
    figure, texts = run.target_tokens_per_second, run.completed_rate
    note = f"{readable(figure / texts)} a text" if texts else ""
    return Card("Tokens", readable(figure), "/s", note)


def _refused(run: Run) -> Card:
    count = run.outcomes.get(REFUSED, 0)
    if not count:
        return Card("Refused", "0", "", f"of {run.requests:,} requests")
    note = f"{share(count, run.requests)}, half of them within {readable(run.refusal_ms['50'])} ms"
    return Card("Refused", f"{count:,}", "", note, "bad")


def _failed(run: Run) -> Card:
    count = failures(run)
    if not count:
        return Card("Failed", "0")
    return Card("Failed", f"{count:,}", "", share(count, run.requests), "bad")
