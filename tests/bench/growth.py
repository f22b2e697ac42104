"""How a decoding step grows with rows, source length, vocabulary and beam, on one thread.

    python -m tests.bench.growth --json build/bench/growth.json

Of Dragoman's engine, of its decoder's graph alone, and of CTranslate2, all with the shipped model;
over vocabularies with random models of 1+1 layers and d=512, which are quick to export. Every job
is a fresh process, and the systems take turns: A B C, C B A, ...
"""

import argparse
import itertools
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args

from tests.bench.growth_report import Curve, GrowthReport, SweepName, growth_table
from tests.bench.growth_worker import Job, Measured, Point, step_seconds
from tests.bench.models import (
    BUILD,
    FEW_SENTENCES,
    SHIPPED,
    Files,
    Model,
    find_files,
    load_model,
    prepare,
)
from tests.bench.origin import Origin, load_average
from tests.bench.progress import stage
from tests.bench.random_model import RandomSizes, write_random_model
from tests.bench.systems import Precision
from tests.bench.tables import text_table
from tests.bench.turns import in_turns

ROWS = (1, 2, 4, 8, 16, 32, 64, 128)
SOURCES = (8, 16, 32, 64, 128, 256, 512)
VOCABULARIES = (8_000, 16_000, 32_000, 64_000, 128_000, 256_000)
BEAMS = (1, 2, 4, 8)

USUAL_SOURCE = 16
USUAL_ROWS = 32
BEAM_SENTENCES = 16

POINTS: dict[SweepName, list[Point]] = {
    "rows": [Point(rows, USUAL_SOURCE, 1) for rows in ROWS],
    "source": [Point(USUAL_ROWS, source, 1) for source in SOURCES],
    "vocabulary": [Point(USUAL_ROWS, USUAL_SOURCE, 1)],
    "beam": [Point(BEAM_SENTENCES, USUAL_SOURCE, beam) for beam in BEAMS],
}
PLACES: dict[SweepName, tuple[int, ...]] = {
    "rows": ROWS,
    "source": SOURCES,
    "vocabulary": VOCABULARIES,
    "beam": BEAMS,
}
LIBRARIES = ("onnxruntime", "ctranslate2")


@dataclass
class Entrant:
    """A system in one sweep."""

    sweep: SweepName
    measured: Measured
    precision: Precision
    rounds: list[list[float]] = field(default_factory=list)

    def run(self, files: Files, repetitions: int) -> list[float]:
        """Measures every point once."""
        model = files.ctranslate2 if self.measured == "ctranslate2" else files.bundle
        job = Job(self.measured, self.precision, model, POINTS[self.sweep], repetitions)
        return step_seconds(job)


def entrants(sweep: SweepName) -> list[Entrant]:
    """Returns who takes part in a sweep."""
    pairs = itertools.product(get_args(Precision), get_args(Measured))
    return [Entrant(sweep, measured, precision) for precision, measured in pairs]


def run_sweep(
    taking_part: Sequence[Entrant],
    title: str,
    files: dict[Precision, Files],
    arguments: argparse.Namespace,
) -> None:
    """Appends a round of points for each round that is asked for."""
    for number in range(arguments.runs):
        for entrant in in_turns(taking_part, number):
            with stage(f"{title}: {entrant.measured}, {entrant.precision}: run {number + 1}"):
                found = entrant.run(files[entrant.precision], arguments.repetitions)
            entrant.rounds.append(found)


def run_vocabularies(taking_part: Sequence[Entrant], arguments: argparse.Namespace) -> None:
    """The models of each vocabulary are made, measured and removed."""
    for vocabulary in VOCABULARIES:
        model = _random_model(vocabulary)
        files = {precision: prepare(model, precision) for precision in get_args(Precision)}
        run_sweep(taking_part, f"vocabulary {vocabulary:,}", files, arguments)
        for path in {path for found in files.values() for path in found}:
            shutil.rmtree(path, ignore_errors=True)
    for entrant in taking_part:  # from one list a vocabulary and round to one list a round
        points = [found[0] for found in entrant.rounds]
        entrant.rounds = [points[number :: arguments.runs] for number in range(arguments.runs)]


def _random_model(vocabulary: int) -> Model:
    name = f"vocabulary-{vocabulary}"
    checkpoint = BUILD / f"checkpoints/{name}"
    with stage(f"{name}: random weights"):
        write_random_model(checkpoint, SHIPPED, RandomSizes(512, 1, vocabulary))
    return Model(
        name,
        checkpoint,
        FEW_SENTENCES,
        forced_lengths=True,
        compared=0,
        generated=0,
        activation_scales="calibrated",
    )


def measure(
    sweeps: Sequence[SweepName],
    files_of: Callable[[Model, Precision], Files],
    arguments: argparse.Namespace,
) -> Iterator[Curve]:
    """Yields the curves of each sweep."""
    shipped = load_model("shipped")
    files = (
        {precision: files_of(shipped, precision) for precision in get_args(Precision)}
        if set(sweeps) - {"vocabulary"}
        else {}
    )
    for sweep in sweeps:
        taking_part = entrants(sweep)
        if sweep == "vocabulary":
            run_vocabularies(taking_part, arguments)
        else:
            run_sweep(taking_part, sweep, files, arguments)
        for entrant in taking_part:
            places = list(PLACES[sweep])
            yield Curve(sweep, entrant.measured, entrant.precision, places, entrant.rounds)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    sweeps = get_args(SweepName)
    add("--sweep", choices=sweeps, nargs="+", default=list(sweeps))
    add("--runs", type=int, default=3, help="of each system; medians are told")
    add("--repetitions", type=int, default=2, help="of each point within a run")
    add("--reuse", action="store_true", help="the shipped model as converted before")
    add("--json", type=Path, help="all the figures")
    return parser


def main() -> None:
    """Prints tables, and writes JSON where asked to."""
    arguments = _parser().parse_args()
    loads = [load_average()]
    files_of = find_files if arguments.reuse else prepare
    curves = list(measure(arguments.sweep, files_of, arguments))
    loads.append(load_average())
    origin = Origin.here("tests.bench.growth", LIBRARIES, loads)
    report = GrowthReport(origin, curves)
    print(f"{origin.machine}; {origin.libraries}; load averages {origin.load_averages}")
    for sweep, found in report.sweeps.items():
        print(f"\nmilliseconds of a decoding step by {sweep}\n\n{text_table(*growth_table(found))}")
    if arguments.json:
        report.save(arguments.json)


if __name__ == "__main__":
    main()
