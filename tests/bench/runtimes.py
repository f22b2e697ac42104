"""Dragoman with PyTorch beside onnxruntime, on the CPU: speed, quality, start, memory.

    python -m tests.bench.runtimes --data DIR

The shipped checkpoint in each format. Every run is a fresh process, and the runtimes take turns:
A B C, C B A, ... Two engines of one thread at defaults, ids to ids; then the same with the shapes
of steps fixed, beside the same limits without. Start and memory are those of `dragoman serve`.
"""

import argparse
import statistics
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from sacrebleu import BLEU, CHRF

from dragoman_server.models.bundle import Bundle
from dragoman_server.models.tokenizer import load_tokenizer
from tests.bench.corpus import Corpus, encode
from tests.bench.entrants import LONGEST, Entrant
from tests.bench.formats import ALL, BASELINE, Graphs, prepare
from tests.bench.origin import Origin, load_average
from tests.bench.progress import stage
from tests.bench.starts import START_HEADINGS, starts
from tests.bench.systems import Setting
from tests.bench.tables import markdown_table, with_range
from tests.bench.turns import in_turns
from tests.bench.workload import Workload

LIBRARIES = ("onnxruntime", "torch")

ROWS = 128
"""Of an engine: its default."""

FIXED_ROWS, FIXED_PLACES = 32, 128
"""Of an engine whose steps have one shape: it computes all of them at every step."""


SPEED_HEADINGS = ("tokens/s", "ratio", "tokens a second of CPU", "ratio", "same tokens", "peak")


def race(settings: Sequence[Setting], workload: Workload, runs: int) -> list[Entrant]:
    """Measures settings in turns."""
    entrants = [Entrant(setting, workload) for setting in settings]
    for number in range(runs):
        for entrant in in_turns(entrants, number):
            with stage(f"{entrant.setting.model.name}, beam {entrant.setting.beam_size}"):
                entrant.run()
    return entrants


def speed_line(entrant: Entrant, beside: Entrant) -> list[str]:
    """SPEED_HEADINGS: each speed also as a multiple of the other's, of the same round."""
    speeds, others = ([run.tokens_per_second for run in each.runs] for each in (entrant, beside))
    ratio = statistics.median(a / b for a, b in zip(speeds, others, strict=True))
    worked, others_worked = (
        [run.tokens / run.cpu_seconds for run in each.runs] for each in (entrant, beside)
    )
    pairs = list(zip(entrant.targets, beside.targets, strict=True))
    same = sum(a == b for a, b in pairs) / len(pairs)
    peak = statistics.median(run.peak_bytes for run in entrant.runs)
    return [
        with_range(speeds, ",.0f"),
        f"{ratio:.2f}",
        f"{statistics.median(worked):,.0f}",
        f"{statistics.median(worked) / statistics.median(others_worked):.2f}",
        f"{same:.1%}",
        f"{peak / 2**20:,.0f} MB",
    ]


def speeds(
    taking_part: Sequence[Graphs], corpus: Corpus, arguments: argparse.Namespace
) -> list[list[str]]:
    """A line of the table for each, at each beam size."""
    bundle = Bundle.load(BASELINE.path)
    workload, tokenizer = encode(corpus, bundle, forced_lengths=False), load_tokenizer(bundle)
    lines = []
    for beam in arguments.beam:
        settings = [
            Setting("dragoman", graphs.precision, graphs.path, beam, LONGEST, batch_size=ROWS)
            for graphs in taking_part
        ]
        entrants = race(settings, workload, arguments.runs)
        for graphs, entrant in zip(taking_part, entrants, strict=True):
            quality = ["", ""]
            if corpus.references is not None:
                texts = [tokenizer.decode(target) for target in entrant.targets]
                quality = [
                    f"{metric.corpus_score(texts, [corpus.references]).score:.2f}"
                    for metric in (BLEU(), CHRF())
                ]
            lines.append([graphs.title, str(beam), *speed_line(entrant, entrants[0]), *quality])
    return lines


def fixed(
    taking_part: Sequence[Graphs], corpus: Corpus, arguments: argparse.Namespace
) -> list[list[str]]:
    """What it costs that all steps have one shape, beside the same rows and limits."""
    workload = encode(corpus, Bundle.load(BASELINE.path), forced_lengths=False)
    short = Workload([ids for ids in workload.sources if len(ids) <= FIXED_PLACES], None)
    lines = []
    for graphs in taking_part:
        for beam in arguments.beam:
            follows = Setting(
                "dragoman",
                graphs.precision,
                graphs.path,
                beam,
                FIXED_PLACES,
                batch_size=FIXED_ROWS,
                places=FIXED_PLACES,
            )
            entrants = race([follows, replace(follows, fixed_shapes=True)], short, arguments.runs)
            for title, entrant in zip(("follow", "fixed"), entrants, strict=True):
                line = speed_line(entrant, entrants[0])
                lines.append([graphs.title, str(beam), title, *line])
    return lines


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add, titles = parser.add_argument, [graphs.title.replace(", ", "-") for graphs in ALL]
    parts = ("speed", "fixed", "start")
    add("--part", choices=parts, nargs="+", default=list(parts), help="default: all")
    add("--only", choices=titles, nargs="+", default=titles, help="beside onnx-float32")
    add("--beam", type=int, nargs="+", default=[1, 4], help="beam sizes")
    add("--runs", type=int, default=5, help="of each; medians are told")
    add("--data", type=Path, help="test sets tatoeba_test and flores_dev; default: a sample")
    add("--sentences", type=int, help="so many of them, from all over; default: all")
    add("--reuse", action="store_true", help="the bundles of an earlier run")
    return parser


def main() -> None:
    """Prints Markdown tables."""
    arguments = _parser().parse_args()
    corpus = Corpus.read(arguments.data) if arguments.data else Corpus.built_in()
    if arguments.sentences:
        corpus = corpus.sample(arguments.sentences)
    taking_part = [
        graphs
        for graphs in ALL
        if graphs == BASELINE or graphs.title.replace(", ", "-") in arguments.only
    ]
    if not arguments.reuse:
        for graphs in taking_part:
            prepare(graphs)
    loads = [load_average()]
    tables = []
    if "speed" in arguments.part:
        headings = ["graphs", "beam", *SPEED_HEADINGS, "BLEU", "chrF"]
        tables.append(markdown_table(headings, speeds(taking_part, corpus, arguments)))
        loads.append(load_average())
    if "fixed" in arguments.part:
        for_torch = [graphs for graphs in taking_part if graphs.format == "torchscript"]
        headings = ["graphs", "beam", "shapes", *SPEED_HEADINGS]
        tables.append(markdown_table(headings, fixed(for_torch, corpus, arguments)))
        loads.append(load_average())
    if "start" in arguments.part:
        tables.append(markdown_table(START_HEADINGS, starts(taking_part, corpus, arguments.runs)))
        loads.append(load_average())
    origin = Origin.here("tests.bench.runtimes", LIBRARIES, loads)
    print(origin.heading(corpus.name, arguments.runs))
    print("\n\n".join(tables))


if __name__ == "__main__":
    main()
