"""Single stream: one sentence at a time, token ids to token ids, beside CTranslate2.

    python -m tests.bench.latency --data DIR --json build/bench/latency.json

Each system runs one worker, of one thread and of all the threads that there are. Every run is a
fresh process, and the systems take turns: A B C, C B A, ...
"""

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import get_args

from dragoman_server.models.bundle import Bundle
from tests.bench.corpus import EVERYDAY, Corpus, encode
from tests.bench.entrants import LONGEST
from tests.bench.latency_report import LatencyReport, Stream, latency_table
from tests.bench.latency_worker import LatencyRun, measure_latency
from tests.bench.models import EVERYWHERE, Files, Model, ModelName, find_files, load_model, prepare
from tests.bench.origin import Origin, load_average
from tests.bench.progress import stage
from tests.bench.systems import CORES, Precision, Setting
from tests.bench.tables import text_table
from tests.bench.turns import in_turns
from tests.bench.workload import Workload

LIBRARIES = ("onnxruntime", "ctranslate2")


@dataclass
class Entrant:
    """A system in the course of the benchmark."""

    model: str
    setting: Setting
    workload: Workload
    runs: list[LatencyRun] = field(default_factory=list)

    def run(self, number: int) -> None:
        """Measures once."""
        with stage(f"{self.model}: {self.setting.title}, {self.setting.how}: run {number}"):
            self.runs.append(measure_latency(self.setting, self.workload))

    def stream(self) -> Stream:
        """Returns what was found."""
        s = self.setting
        return Stream(self.model, s.precision, s.beam_size, s.system, s.threads, self.runs)


def entrants(
    model: Model,
    corpus: Corpus,
    precisions: Sequence[Precision],
    beams: Sequence[int],
    files_of: Callable[[Model, Precision], Files],
) -> Iterator[Entrant]:
    """Yields who takes part with one model."""
    for precision in precisions:
        files = files_of(model, precision)
        bundle = Bundle.load(files.bundle)
        workload = encode(corpus, bundle, forced_lengths=model.forced_lengths, equal=1)
        for beam in beams:
            ours = Setting("dragoman", precision, files.bundle, beam, LONGEST, workers=1)
            peer = replace(ours, system="ctranslate2", model=files.ctranslate2)
            for setting in (ours, peer):
                for threads in (1, CORES):
                    yield Entrant(model.name, replace(setting, threads=threads), workload)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    models, precisions = get_args(ModelName), get_args(Precision)
    add("--model", choices=models, nargs="+", default=list(EVERYWHERE))
    add("--precision", choices=precisions, nargs="+", default=list(precisions))
    add("--beam", type=int, nargs="+", default=[1, 4], help="beam sizes")
    add("--runs", type=int, default=3, help="of each system; medians are told")
    add("--data", type=Path, help="test set tatoeba_test; default: a sample")
    add("--sentences", type=int, default=200, help="at most, from all over")
    add("--reuse", action="store_true", help="the models that an earlier benchmark converted")
    add("--json", type=Path, help="all the figures")
    return parser


def main() -> None:
    """Prints a table, and writes JSON where asked to."""
    arguments = _parser().parse_args()
    data = arguments.data
    corpus = Corpus.read(data, EVERYDAY) if data else Corpus.built_in(repetitions=1)
    corpus = corpus.sample(arguments.sentences)
    files_of = find_files if arguments.reuse else prepare
    taking_part = [
        entrant
        for name in arguments.model
        for entrant in entrants(
            load_model(name), corpus, arguments.precision, arguments.beam, files_of
        )
    ]
    loads = [load_average()]
    for number in range(arguments.runs):
        for entrant in in_turns(taking_part, number):
            entrant.run(number + 1)
        loads.append(load_average())
    streams = [entrant.stream() for entrant in taking_part]
    origin = Origin.here("tests.bench.latency", LIBRARIES, loads)
    print(origin.heading(corpus.name, arguments.runs))
    print(text_table(*latency_table(streams)))
    if arguments.json:
        LatencyReport(origin, corpus.name, streams).save(arguments.json)


if __name__ == "__main__":
    main()
