"""How many engines does one owner of the queue keep busy? Simulated engines, 1 to 64, no model.

    python -m tests.bench.many_engines --bundle DIRECTORY --data DIRECTORY

A step sleeps as long as the shipped int8 model computes for so many rows; queue, scheduler, search,
metrics, messages and event loop are real. Engines are threads of one interpreter, or processes; or
processes that are played, for each would have a core to itself that is not here: then what
is measured is the owner. Texts have the lengths of tatoeba_test. Front ends are not measured:
callers are on the owner's event loop.
"""

import argparse
import sys
from pathlib import Path

from dragoman_server.machine import cpu_count
from dragoman_server.models.bundle import Bundle
from dragoman_server.models.tokenizer import load_tokenizer
from tests.bench.corpus import Corpus, reference_lengths
from tests.bench.many_engines_report import HEADINGS, Kind, Observed, lines
from tests.bench.many_engines_worker import observe
from tests.bench.simulated_engines import MAX_LENGTH, Job, Linear, StepCost
from tests.bench.tables import markdown_table

SHIPPED = StepCost(
    model=Linear(0.2e-3, 90e-6), runner=Linear(0.015e-3, 5.2e-6), python=Linear(0.08e-3, 13.7e-6)
)
"""The shipped model in int8 on one core of an AMD EPYC with VNNI: tests.bench.step_share at 1 and
32 rows, tatoeba_test."""

KINDS: tuple[Kind, ...] = ("threads", "processes", "processes, played")
SENTENCES = 1000


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--bundle", type=Path, required=True, help="whose tokens texts have")
    parser.add_argument("--data", type=Path, required=True, help="directory with tatoeba_test")
    parser.add_argument("--engines", type=int, nargs="+", default=[1, 2, 4, 8, 16, 32, 64])
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument("--rows", type=int, default=32, help="of each engine")
    parser.add_argument("--callers", type=int, default=16, help="whose calls are in flight")
    parser.add_argument("--seconds", type=float, default=3.0)
    arguments = parser.parse_args()
    lengths = _lengths(arguments.bundle, arguments.data)
    observed: list[Observed] = []
    for kind in arguments.kinds:
        for engines in arguments.engines:
            job = Job(
                kind,
                engines,
                arguments.rows,
                SHIPPED,
                lengths,
                arguments.seconds,
                arguments.callers,
            )
            observed.append(observe(job))
            print(lines(observed, cpu_count())[-1], file=sys.stderr)
    print(markdown_table(HEADINGS, lines(observed, cpu_count())))


def _lengths(path: Path, data: Path) -> list[tuple[int, int]]:
    """Returns the source and target tokens of each sentence of tatoeba_test."""
    corpus = Corpus.read(data, (("tatoeba_test", SENTENCES),))
    tokenizer = load_tokenizer(Bundle.load(path))
    sources = [len(tokenizer.encode(text)) for text in corpus.sources]
    targets = [min(length - 1, MAX_LENGTH) for length in reference_lengths(corpus, path)]
    return list(zip(sources, targets, strict=True))


if __name__ == "__main__":
    main()
