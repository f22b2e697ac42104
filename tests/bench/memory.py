"""Memory and start-up beside CTranslate2: the same sentences, as many rows at once, two cores each.

    python -m tests.bench.memory --data DIR

Every run is a fresh process, and the systems take turns: A B, B A, ... Each has two workers of one
thread, whatever would be fastest. Of `dragoman serve` it says when it is ready, and what it then
holds, which CTranslate2, a library, has nothing beside.
"""

import argparse
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import get_args

from dragoman_server.models.bundle import Bundle
from tests.bench.corpus import Corpus, encode
from tests.bench.entrants import LONGEST
from tests.bench.memory_worker import Held, measure_memory, medians
from tests.bench.models import EVERYWHERE, Files, ModelName, find_files, load_model, prepare
from tests.bench.origin import Origin, load_average
from tests.bench.peak_memory import memory
from tests.bench.progress import stage
from tests.bench.systems import Precision, Setting
from tests.bench.tables import Line, markdown_table
from tests.bench.turns import in_turns
from tests.integration.served import Served

LIBRARIES = ("onnxruntime", "ctranslate2")

HEADINGS = ("model", "precision", "rows", "loaded, MB", "peak, MB", "ratio", "to load, s", "serve")
"""Two figures in a cell are ours and the peer's."""


@dataclass
class Pair:
    """Both systems with one model, precision and number of rows."""

    model: str
    settings: tuple[Setting, Setting]
    """Ours and the peer's."""
    held: dict[Setting, list[Held]] = field(default_factory=dict)

    def medians(self, figure: str) -> tuple[float, float]:
        """Of all runs, ours and the peer's."""
        ours, peer = (self.held[setting] for setting in self.settings)
        return medians(figure, ours, peer)


def pairs(
    name: ModelName, files: dict[Precision, Files], rows: Sequence[int], beam: int
) -> Iterator[Pair]:
    """Yields what is compared of a model."""
    for precision, paths in files.items():
        for size in rows:
            ours = Setting("dragoman", precision, paths.bundle, beam, LONGEST, batch_size=size)
            yield Pair(name, (ours, replace(ours, system="ctranslate2", model=paths.ctranslate2)))


def compare(name: ModelName, corpus: Corpus, arguments: argparse.Namespace) -> list[Line]:
    """Measures a model; returns a line for each precision and number of rows."""
    model = load_model(name)
    find = find_files if arguments.reuse else prepare
    files = {precision: find(model, precision) for precision in arguments.precision}
    bundle = Bundle.load(next(iter(files.values())).bundle)
    workload = encode(corpus.sample(model.compared), bundle, forced_lengths=model.forced_lengths)
    found = list(pairs(name, files, arguments.rows, arguments.beam))
    for number in range(arguments.runs):
        for pair in found:
            for setting in in_turns(pair.settings, number):
                with stage(f"{name}: {setting.title}, {setting.batch_size} rows"):
                    pair.held.setdefault(setting, []).append(measure_memory(setting, workload))
    served = {precision: _served(paths.bundle) for precision, paths in files.items()}
    return [_line(pair, served[pair.settings[0].precision]) for pair in found]


def _served(bundle: Path) -> str:
    started = time.perf_counter()
    with Served(bundle) as server:
        seconds = time.perf_counter() - started
        return f"{seconds:.1f} s, {sum(memory(server.process.pid)) / 1e6:,.0f} MB"


def _line(pair: Pair, served: str) -> Line:
    peaks = pair.medians("peak_bytes")
    ours = pair.settings[0]
    return (
        pair.model,
        ours.precision,
        str(ours.batch_size),
        " / ".join(f"{size / 1e6:,.0f}" for size in pair.medians("loaded_bytes")),
        " / ".join(f"{size / 1e6:,.0f}" for size in peaks),
        f"{peaks[0] / peaks[1]:.2f}",
        " / ".join(f"{seconds:.1f}" for seconds in pair.medians("seconds")),
        served,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add, models, precisions = parser.add_argument, get_args(ModelName), get_args(Precision)
    add("--model", choices=models, nargs="+", default=list(EVERYWHERE))
    add("--precision", choices=precisions, nargs="+", default=["int8", "float32"])
    add("--rows", type=int, nargs="+", default=[32, 128], help="of an engine, and of a batch")
    add("--beam", type=int, default=1, help="beam size")
    add("--runs", type=int, default=3, help="of each system; medians are told")
    add("--reuse", action="store_true", help="take the files of an earlier benchmark")
    add("--data", type=Path, help="test sets tatoeba_test and flores_dev; default: a sample")
    return parser


def main() -> None:
    """Prints a table."""
    arguments = _parser().parse_args()
    corpus = Corpus.read(arguments.data) if arguments.data else Corpus.built_in()
    lines, loads = [], [load_average()]
    for name in arguments.model:
        lines += compare(name, corpus, arguments)
        loads.append(load_average())
    origin = Origin.here("tests.bench.memory", LIBRARIES, loads)
    print(origin.heading(corpus.name, arguments.runs))
    print(markdown_table(HEADINGS, lines))


if __name__ == "__main__":
    main()
