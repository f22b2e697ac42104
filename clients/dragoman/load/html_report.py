"""The report of a load test: one HTML page that needs nothing beside itself.

Knows what the page is made of; how it looks is the template's. The same report gives the same text.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined

from dragoman.load.answers import REFUSED
from dragoman.load.figures import aligned, at_percentile, readable, share
from dragoman.load.headline import cards, failures, headline, headline_percentiles
from dragoman.load.pictures import distribution_picture, rates_picture, stages_picture
from dragoman.load.result import Effort, Report, Run, Stages
from dragoman.load.timeline import timeline_picture


class Picture(NamedTuple):
    """An SVG, and what to read from it."""

    svg: str
    caption: str


class Table(NamedTuple):
    """Cells as they are written; the first column names its row."""

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]


def render_report(report: Report) -> str:
    """Returns the page: complete HTML."""
    environment = Environment(
        loader=PackageLoader("dragoman.load", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html.j2").render(
        report=report,
        run=report.result,
        headline=headline(report),
        cards=cards(report),
        pictures=list(_pictures(report)),
        runs=_runs(report),
        latencies=_latencies(report.result),
        outcomes=_outcomes(report.result),
        quality=_quality(report),
        about=_about(report),
    )


def _pictures(report: Report) -> Iterator[Picture]:
    run = report.result
    if len([each for each in report.runs if each.offered_rate and each.latency_ms]) > 1:
        yield Picture(
            rates_picture(report),
            "Every mark is a run of the search, filled where it was valid (a triangle is off the "
            "scale): where the latency turns upwards, the server does all that it can.",
        )
    if run.curve_ms:
        yield Picture(distribution_picture(report), _told_by_distribution(report))
    if run.stages is not None:
        yield Picture(stages_picture(run.stages), _told_by_stages(run.stages))
    if run.timeline:
        yield Picture(
            timeline_picture(report),
            _told_by_timeline(run),
        )


def _told_by_distribution(report: Report) -> str:
    run, percentile = report.result, report.latency_percentile
    if run.scenario == "offline":
        return "All texts were due at the start: the curve shows how many were done by when."
    reached = readable(at_percentile(run, percentile))
    told = f"{percentile:g} % of the texts were translated within {reached} ms"
    if run.scenario == "single-stream":
        return f"{told}; the steeper the curve, the more alike the latencies."
    kept = share(run.goodput, run.completed_rate)
    bound = readable(report.latency_bound_ms)
    return f"{told} of the moment at which they were due; {kept} within the bound of {bound} ms."


def _told_by_stages(stages: Stages) -> str:
    named = {
        "the queue": stages.queue_ms,
        "encoding": stages.encode_ms,
        "decoding": stages.decode_ms,
        "the rest: network, protocol, tokenizer and client": stages.rest_ms,
    }
    longest = max(named, key=lambda name: named[name])
    total = sum(named.values())
    return (
        f"Of {readable(total)} ms in the mean, {share(named[longest], total)} went into {longest}; "
        "near the limit of a server it is the queue that grows."
    )


def _told_by_timeline(run: Run) -> str:
    if run.refusal_ms:
        return (
            "A server that refuses in time keeps its queue, its latency and its answers level "
            "however much is asked for; what it cannot do is refused."
        )
    return (
        "Level lines mean that the run was long enough and that nothing disturbed it; where "
        "latency or queue climb to the end, more was asked for than was done."
    )


def _runs(report: Report) -> Table:
    runs = report.runs
    columns = {
        "run": [str(number) for number in range(1, len(runs) + 1)],
        "offered/s": aligned([run.offered_rate for run in runs]),
        "completed/s": aligned([run.completed_rate for run in runs]),
        "goodput/s": aligned([run.goodput for run in runs]),
        **{
            f"p{percentile:g}, ms": aligned([at_percentile(run, percentile) for run in runs])
            for percentile in headline_percentiles(report)
        },
        "tokens/s": aligned([run.target_tokens_per_second for run in runs]),
        "requests": [f"{run.requests:,}" for run in runs],
        "refused": [f"{run.outcomes.get(REFUSED, 0):,}" for run in runs],
        "failed": [f"{failures(run):,}" for run in runs],
        "seconds": aligned([run.seconds for run in runs]),
        "verdict": [_verdict(report, index) for index in range(len(runs))],
    }
    if report.result.scenario != "server":
        del columns["offered/s"], columns["goodput/s"]
    return Table(list(columns), list(zip(*columns.values(), strict=True)))


def _verdict(report: Report, index: int) -> str:
    if index == report.peak:
        return "valid, peak"
    return "valid" if report.runs[index].valid else "invalid"


def _latencies(run: Run) -> Table:
    """Of what was translated and what was refused; without rows where there is neither."""
    told = {"translated": run.latency_ms, "refused": run.refusal_ms}
    found = {name: figures for name, figures in told.items() if figures}
    percentiles = list(dict.fromkeys(p for figures in found.values() for p in figures))
    names = ["slowest" if p == "100" else f"p{p}" for p in percentiles]
    columns = [aligned([figures.get(p) for p in percentiles]) for figures in found.values()]
    return Table(["ms", *found], list(zip(names, *columns, strict=True)) if found else [])


def _outcomes(run: Run) -> Table:
    rows = [
        [status, f"{count:,}", share(count, run.requests)] for status, count in run.outcomes.items()
    ]
    return Table(["status", "requests", "share"], rows)


def _quality(report: Report) -> Table:
    found = report.quality
    if found is None:
        return Table([], [])
    rows = [
        ["BLEU", f"{found.bleu:.2f}", found.bleu_signature],
        ["chrF", f"{found.chrf:.2f}", found.chrf_signature],
    ]
    return Table([f"{found.texts:,} texts", "score", "signature"], rows)


def _effort(effort: Effort | None) -> dict[str, str]:
    if effort is None:
        return {}
    load = f"load generator {readable(effort.client_cores)} cores"
    if effort.server_cores is None:
        return {"busy": f"{load}; of the server nothing is known"}
    engines = "" if effort.engines is None else f", {effort.engines} engines"
    return {"busy": f"server {readable(effort.server_cores)} cores{engines}; {load}"}


def _about(report: Report) -> dict[str, str]:
    started = datetime.fromisoformat(report.started_at)
    return {
        "model": report.model,
        "sentences": report.corpus,
        "scenario": report.result.scenario,
        "server": report.target,
        "load from": report.client,
        **_effort(report.result.effort),
        "started": started.isoformat(sep=" ", timespec="minutes"),
        "dragoman": report.version,
    }
