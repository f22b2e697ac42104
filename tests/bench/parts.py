"""What the reports say, as the parts of a machine's page: each of one kind and one model.

The same reports give the same parts. Draws nothing; pictures are named here. Does not know pages.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from tests.bench.front_end_report import FrontEndReport, front_end_table
from tests.bench.growth_report import GrowthReport, growth_table
from tests.bench.large_report import LargeReport, large_table
from tests.bench.latency_report import LatencyReport, latency_table
from tests.bench.load_report import Contest, LoadReport, load_table, tuning_table
from tests.bench.machine import Machine
from tests.bench.origin import Origin
from tests.bench.peaks_report import PeaksReport, peaks_table, shares_table
from tests.bench.report import Contender, Report, text_rows
from tests.bench.results import Results
from tests.bench.served_report import ServedReport, served_table
from tests.bench.tables import markdown_table

OFFLINE = "Offline throughput"
LIMIT = "Share of the physical limit"
SERVED = "Text to text, through gRPC"
LOAD = "Peak rate with 97 % within 250 ms"
FRONT_END = "Outside the model: the front end alone"
LATENCY = "Single stream"
GROWTH = "How a decoding step grows"
LARGE = "Large models"
KINDS = (OFFLINE, LIMIT, SERVED, LOAD, FRONT_END, LATENCY, GROWTH, LARGE)
"""In the order of a page; a part's title begins with its kind."""

GROWTH_TITLES = {
    "rows": "rows (16 source tokens, greedy)",
    "source": "source tokens of each row (32 rows, greedy)",
    "vocabulary": "vocabulary (random models of 1+1 layers, d=512; 32 rows, greedy)",
    "beam": "beam size (16 sentences)",
}


@dataclass(frozen=True)
class Part:
    """One section of a machine's page."""

    machine: Machine
    title: str
    text: str


def render(results: Results) -> list[Part]:
    """Returns all parts, in the order of a page."""
    return [
        *(_offline(report, model) for report in results.offline for model in report.models),
        *_limits(results),
        *map(_served, results.served),
        *(_load(report, model) for report in results.load for model in _load_models(report)),
        *map(_front_end, results.front_end),
        *(_latency(report, model) for report in results.latency for model in report.models),
        *map(_growth, results.growth),
        *map(_large, results.large),
    ]


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


def _part(origin: Origin, title: str, *paragraphs: str) -> Part:
    loads = origin.load_averages
    told = (
        f"`{origin.command}`\n\n{origin.machine}; {origin.libraries}; "
        f"load average {min(loads):.1f} to {max(loads):.1f}, the benchmark's own share included."
    )
    return Part(Machine.of(origin), title, "\n\n".join([told, *paragraphs]))


def _image(name: str, origin: Origin, title: str) -> str:
    return f"![{title}]({Machine.of(origin).page}/{name})"


def _offline(report: Report, model: str) -> Part:
    contenders = _of_model(report, model)
    how = (
        f"Sentences: {report.corpus}. Token ids to token ids; every run is a fresh process, "
        "warmed up with a quarter of the sentences, that translates all of them for 4 seconds "
        f"or longer; medians of {len(contenders[0].runs)} runs in turns. Settings are workers x "
        "threads and batch size or, for Dragoman, rows of an engine. Dragoman runs as its "
        "server chooses when it starts, CTranslate2 at its best setting of those below. A random "
        "model decodes every sentence to its reference's length."
    )
    return _part(
        report.origin,
        f"{OFFLINE}: {model}",
        how,
        _image(offline_picture(model), report.origin, f"Throughput of {model}"),
        markdown_table(*text_rows(contenders)),
        *_tuning(contenders),
    )


def _of_model(report: Report, model: str) -> list[Contender]:
    return [contender for contender in report.contenders if contender.model == model]


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


def _limits(results: Results) -> list[Part]:
    """Of each offline report beside whose figures the same machine's peaks are; the last ones."""
    peaks = {Machine.of(found.origin): found for found in results.peaks}
    return [
        _limit(report, model, peaks[machine])
        for report in results.offline
        for model in report.models
        if (machine := Machine.of(report.origin)) in peaks
    ]


def _limit(report: Report, model: str, found: PeaksReport) -> Part:
    how = (
        "Of the same offline runs, against all cores' peak: the multiply-adds that the "
        "translations need (linear layers and attention of every token once, no padding), and "
        "the decoder's weights once a step, as if no cache kept them. Steps of CTranslate2 are "
        "those of its batches' longest targets."
    )
    return _part(
        found.origin,
        f"{LIMIT}: {model}",
        markdown_table(*peaks_table(found.peaks)),
        how,
        markdown_table(*shares_table(_of_model(report, model), found.all_cores)),
    )


def _served(report: ServedReport) -> Part:
    how = (
        f"Sentences: {report.corpus}. `dragoman serve` at its defaults and a client on the same "
        "cores, calls of 50 texts, all at once; CTranslate2 from token ids to token ids, without "
        f"tokenizer and protocol. Medians of {len(report.services[0].served)} runs in turns."
    )
    return _part(report.origin, SERVED, how, markdown_table(*served_table(report.services)))


def _load_models(report: LoadReport) -> list[str]:
    return list(dict.fromkeys(contest.model for contest in report.contests))


def _load(report: LoadReport, model: str) -> Part:
    contests = [contest for contest in report.contests if contest.model == model]
    kinds = dict.fromkeys(f"{each.sentences}: {each.corpus}" for each in contests)
    how = (
        f"Sentences, {', '.join(kinds)}. `dragoman load --find-peak` against either server, on the "
        "same cores: single sentences that arrive at random (Poisson), 97 % of them answered "
        "within 250 ms of the moment at which they were due. `dragoman serve` at its defaults; "
        "CTranslate2 behind the same proto, with request-level dynamic batching at its best "
        "setting. The random model decodes every sentence to its reference's length. Medians, and "
        f"lowest and highest, of {len(contests[0].ours)} runs in turns; offline, all are due at "
        "once."
    )
    images = [
        _image(load_picture(contest), report.origin, f"Latency over rate: {model}")
        for contest in contests
    ]
    tuning = [markdown_table(*tuning_table(contest)) for contest in contests]
    title = f"{LOAD}: {model}"
    return _part(report.origin, title, how, *images, markdown_table(*load_table(contests)), *tuning)


def _front_end(report: FrontEndReport) -> Part:
    how = (
        "An engine that answers each text at once with its own tokens; all else is `dragoman "
        "serve`'s. A client in a process of its own on the same cores, 32 calls at once over 8 "
        "connections. CPU time is that of all the server's processes, by the text. Medians, and "
        f"lowest and highest, of {len(report.points[0].cpu_us)} runs in turns."
    )
    return _part(report.origin, FRONT_END, how, markdown_table(*front_end_table(report.points)))


def _latency(report: LatencyReport, model: str) -> Part:
    streams = [stream for stream in report.streams if stream.model == model]
    how = (
        f"Sentences: {report.corpus}, one at a time, token ids to token ids; medians of "
        f"{len(streams[0].runs)} fresh processes in turns. The ratio is of p50: below 1 is faster."
    )
    return _part(
        report.origin,
        f"{LATENCY}: {model}",
        how,
        _image(latency_picture(model), report.origin, f"Latency of {model}"),
        markdown_table(*latency_table(streams)),
    )


def _growth(report: GrowthReport) -> Part:
    how = (
        "Milliseconds of a decoding step on one thread, at target positions 16 to 48. Of "
        "Dragoman's engine and of CTranslate2 it is the difference between decoding 48 and 16 "
        "tokens, over 32; of the decoder graph alone it is timed directly."
    )
    sweeps = [
        paragraph
        for sweep, curves in report.sweeps.items()
        for paragraph in (
            _image(growth_picture(sweep), report.origin, f"Step over {sweep}"),
            f"By {GROWTH_TITLES[sweep]}:",
            markdown_table(*growth_table(curves)),
        )
    ]
    return _part(report.origin, GROWTH, how, *sweeps)


def _large(report: LargeReport) -> Part:
    how = (
        f"{report.sizes}, {report.parameters:,} numbers, random. {report.workload}. Every run is a "
        "fresh process, warmed up with a quarter of the sentences, that translates all of them for "
        "4 seconds or longer; medians, and lowest and highest, of runs in turns. The ratio is the "
        "median of those within a round. Settings are workers x threads and batch size or, for "
        "Dragoman, engines x threads and rows, as `dragoman serve` chooses them; CTranslate2 runs "
        "at its best setting of those tried, on the weights that its own converter makes of the "
        "same checkpoint. Own memory is what a process has no file behind; the kernel takes back "
        "pages of mapped files where others need room."
    )
    precisions = " and ".join(each.precision for each in report.measured)
    title = f"{LARGE}: {report.model}, {precisions}"
    return _part(report.origin, title, how, markdown_table(*large_table(report)))
