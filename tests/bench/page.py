"""The generated part of docs/performance.md: what the reports say, as Markdown.

The same reports give the same text. Draws nothing; pictures are named here.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from tests.bench.front_end_report import FrontEndReport, front_end_table
from tests.bench.growth_report import GrowthReport, growth_table
from tests.bench.latency_report import LatencyReport, latency_table
from tests.bench.load_report import Contest, LoadReport, load_table, tuning_table
from tests.bench.origin import Origin, read_report
from tests.bench.peaks_report import PeaksReport, peaks_table, shares_table
from tests.bench.report import Contender, Report, text_rows
from tests.bench.served_report import ServedReport, served_table
from tests.bench.tables import markdown_table

BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"

GROWTH_TITLES = {
    "rows": "rows (16 source tokens, greedy)",
    "source": "source tokens of each row (32 rows, greedy)",
    "vocabulary": "vocabulary (random models of 1+1 layers, d=512; 32 rows, greedy)",
    "beam": "beam size (16 sentences)",
}


@dataclass
class Results:
    """Reports by kind, in the order of their files."""

    offline: list[Report] = field(default_factory=list)
    served: list[ServedReport] = field(default_factory=list)
    latency: list[LatencyReport] = field(default_factory=list)
    growth: list[GrowthReport] = field(default_factory=list)
    peaks: list[PeaksReport] = field(default_factory=list)
    load: list[LoadReport] = field(default_factory=list)
    front_end: list[FrontEndReport] = field(default_factory=list)

    @classmethod
    def read(cls, paths: Iterable[Path]) -> Self:
        """Reads what the benchmarks wrote.

        Raises:
            ValueError: A file is something else.
        """
        results = cls()
        for path in paths:
            kind, fields = read_report(path)
            match kind:
                case "offline":
                    results.offline.append(Report.parse(fields))
                case "served":
                    results.served.append(ServedReport.parse(fields))
                case "latency":
                    results.latency.append(LatencyReport.parse(fields))
                case "growth":
                    results.growth.append(GrowthReport.parse(fields))
                case "peaks":
                    results.peaks.append(PeaksReport.parse(fields))
                case "load":
                    results.load.append(LoadReport.parse(fields))
                case "front_end":
                    results.front_end.append(FrontEndReport.parse(fields))
        return results


def replace(page: str, generated: str) -> str:
    """Returns the page with what is between its markers replaced.

    Raises:
        ValueError: It has not each marker once, the first one first.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end or BEGIN in rest or END in before + after:
        raise ValueError(f"the page needs {BEGIN} and after it {END}, each once")
    return f"{before}{BEGIN}\n\n{generated}\n\n{END}{after}"


def render(results: Results, images: str) -> str:
    """Returns the text.

    Args:
        results: What it tells.
        images: Directory of the pictures, relative to the page.
    """
    parts = [
        *(_offline(report, images) for report in results.offline),
        *(_limit(report, results.peaks) for report in results.offline if results.peaks),
        *map(_served, results.served),
        *(_load(report, images) for report in results.load),
        *map(_front_end, results.front_end),
        *(_latency(report, images) for report in results.latency),
        *(_growth(report, images) for report in results.growth),
    ]
    return "\n\n".join(parts)


def offline_picture(model: str) -> str:
    """Returns the file name of a model's throughput."""
    return f"offline-{model}.svg"


def latency_picture(model: str) -> str:
    """Returns the file name of a model's latency."""
    return f"latency-{model}.svg"


def growth_picture(sweep: str) -> str:
    """Returns the file name of a sweep."""
    return f"growth-{sweep}.svg"


def load_picture(contest: Contest) -> str:
    """Returns the file name of a model's latency over offered rate."""
    return f"load-{contest.model}-{contest.sentences}.svg"


def _origin(origin: Origin) -> str:
    loads = origin.load_averages
    return (
        f"`{origin.command}`\n\n{origin.machine}; {origin.libraries}; "
        f"load average {min(loads):.1f} to {max(loads):.1f}, the benchmark's own share included."
    )


def _image(name: str, images: str, title: str) -> str:
    return f"![{title}]({images}/{name})"


def _offline(report: Report, images: str) -> str:
    rounds = len(report.contenders[0].runs)
    how = (
        f"Sentences: {report.corpus}. Token ids to token ids; every run is a fresh process, "
        "warmed up with a quarter of the sentences, that translates all of them for 4 seconds "
        f"or longer; medians of {rounds} runs in turns. Settings are workers x threads and "
        "batch size or, for Dragoman, rows of an engine. Dragoman runs at its defaults, "
        "CTranslate2 at its best setting of those below. The random model decodes every "
        "sentence to its reference's length."
    )
    return "\n\n".join(
        [
            f"### Offline throughput: {', '.join(report.models)}",
            _origin(report.origin),
            how,
            *(_image(offline_picture(m), images, f"Throughput of {m}") for m in report.models),
            markdown_table(*text_rows(report.contenders)),
            *_tuning(report.contenders),
        ]
    )


def _tuning(contenders: Sequence[Contender]) -> list[str]:
    tuned = [contender for contender in contenders if contender.tuning]
    settings = dict.fromkeys(how for contender in tuned for how in contender.tuning or ())
    if not tuned:
        return []
    lines = [
        (c.model, c.precision, str(c.beam_size), *(_tried(c, how) for how in settings))
        for c in tuned
    ]
    table = markdown_table(("model", "precision", "beam", *settings), lines)
    return [f"CTranslate2's tokens/s at every setting, one run each:\n\n{table}"]


def _tried(contender: Contender, how: str) -> str:
    found = (contender.tuning or {}).get(how)
    return "" if found is None else f"{found:,.0f}"


def _limit(report: Report, peaks: Sequence[PeaksReport]) -> str:
    found = peaks[-1]
    how = (
        "Of the same offline runs, against all cores' peak: the multiply-adds that the "
        "translations need (linear layers and attention of every token once, no padding), and "
        "the decoder's weights once a step, as if no cache kept them. Steps of CTranslate2 are "
        "those of its batches' longest targets."
    )
    return "\n\n".join(
        [
            f"### Share of the physical limit: {', '.join(report.models)}",
            _origin(found.origin),
            markdown_table(*peaks_table(found.peaks)),
            how,
            markdown_table(*shares_table(report.contenders, found.all_cores)),
        ]
    )


def _served(report: ServedReport) -> str:
    how = (
        f"Sentences: {report.corpus}. `dragoman serve` at its defaults and a client on the same "
        "cores, calls of 50 texts, all at once; CTranslate2 from token ids to token ids, without "
        f"tokenizer and protocol. Medians of {len(report.services[0].served)} runs in turns."
    )
    return "\n\n".join(
        [
            "### Text to text, through gRPC",
            _origin(report.origin),
            how,
            markdown_table(*served_table(report.services)),
        ]
    )


def _load(report: LoadReport, images: str) -> str:
    rounds = len(report.contests[0].ours)
    models = dict.fromkeys(contest.model for contest in report.contests)
    kinds = dict.fromkeys(f"{each.sentences}: {each.corpus}" for each in report.contests)
    how = (
        f"Sentences, {', '.join(kinds)}. `dragoman load --find-peak` against either server, on the "
        "same cores: single sentences that arrive at random (Poisson), 97 % of them answered "
        "within 250 ms of the moment at which they were due. `dragoman serve` at its defaults; "
        "CTranslate2 behind the same proto, with request-level dynamic batching at its best "
        "setting. The random model decodes every sentence to its reference's length. Medians, "
        f"and lowest and highest, of {rounds} runs in turns; offline, all are due at once."
    )
    return "\n\n".join(
        [
            f"### Peak rate with 97 % within 250 ms: {', '.join(models)}",
            _origin(report.origin),
            how,
            *(
                _image(load_picture(contest), images, f"Latency over rate: {contest.model}")
                for contest in report.contests
            ),
            markdown_table(*load_table(report.contests)),
            *(markdown_table(*tuning_table(contest)) for contest in report.contests),
        ]
    )


def _front_end(report: FrontEndReport) -> str:
    how = (
        "An engine that answers each text at once with its own tokens; all else is `dragoman "
        "serve`'s. A client in a process of its own on the same cores, 32 calls at once over 8 "
        "connections. CPU time is that of all the server's processes, by the text. Medians, and "
        f"lowest and highest, of {len(report.points[0].cpu_us)} runs in turns."
    )
    return "\n\n".join(
        [
            "### Outside the model: the front end alone",
            _origin(report.origin),
            how,
            markdown_table(*front_end_table(report.points)),
        ]
    )


def _latency(report: LatencyReport, images: str) -> str:
    rounds = len(report.streams[0].runs)
    how = (
        f"Sentences: {report.corpus}, one at a time, token ids to token ids; medians of "
        f"{rounds} fresh processes in turns. The ratio is of p50: below 1 is faster."
    )
    return "\n\n".join(
        [
            f"### Single stream: {', '.join(report.models)}",
            _origin(report.origin),
            how,
            *(_image(latency_picture(m), images, f"Latency of {m}") for m in report.models),
            markdown_table(*latency_table(report.streams)),
        ]
    )


def _growth(report: GrowthReport, images: str) -> str:
    how = (
        "Milliseconds of a decoding step on one thread, at target positions 16 to 48. Of "
        "Dragoman's engine and of CTranslate2 it is the difference between decoding 48 and 16 "
        "tokens, over 32; of the decoder graph alone it is timed directly."
    )
    parts = ["### How a decoding step grows", _origin(report.origin), how]
    for sweep, curves in report.sweeps.items():
        title = GROWTH_TITLES[sweep]
        table = markdown_table(*growth_table(curves))
        parts += [
            _image(growth_picture(sweep), images, f"Step over {sweep}"),
            f"By {title}:",
            table,
        ]
    return "\n\n".join(parts)
