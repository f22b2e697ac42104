"""What engines take of the processor where single texts come at random, beside all at once.

    python -m tests.bench.engine_load --bundle DIRECTORY --data DIRECTORY --rates 0 700 900 1100

Sentences of tatoeba_test, ids to ids, arrive as a Poisson process; the rate 0 is all of them at
once. What load_parts.py tells in one figure is taken apart here: how many newcomers an encoder run
has, how many rows a step, and what each takes. `--front-end` lets the event loop spend so many
microseconds on each text besides, as gRPC, a tokenizer and a client on the same cores do.
"""

import argparse
import random
import statistics
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from dragoman.load.recorder import percentile
from dragoman_server.models.bundle import Bundle
from dragoman_server.models.tokenizer import load_tokenizer
from tests.bench.corpus import Corpus
from tests.bench.engine_load_worker import Job, Kind, Point, observe
from tests.bench.tables import Line, text_table
from tests.bench.turns import in_turns

HEADINGS = (
    "engines",
    "texts/s",
    "p50, ms",
    "p97, ms",
    "newcomers a run",
    "rows a step",
    "encoder, µs a text",
    "decoder",
    "moves",
    "other",
    "owner",
    "all",
    "cores",
    "others' cores",
)


@dataclass(frozen=True)
class Costs:
    """Of one rate: medians of several runs are told of each."""

    p50: float
    p97: float
    """Milliseconds."""
    newcomers: float
    """Of an encoder run."""
    rows: float
    """Of a step."""
    encoder: float
    decoder: float
    moves: float
    other: float
    """Of the engines' threads: microseconds of processor time a text, as those that follow."""
    owner: float
    whole: float
    cores: float
    """That it used, and that whatever else ran did."""
    others: float

    @classmethod
    def of(cls, point: Point) -> "Costs":
        """Works them out."""
        spent = point.spent
        each = 1e6 / point.texts
        return cls(
            1e3 * percentile(point.text_seconds, 50),
            1e3 * percentile(point.text_seconds, 97),
            spent.newcomers / spent.encoder_runs,
            spent.rows / spent.steps,
            each * spent.encoder,
            each * spent.decoder,
            each * spent.moves,
            each * (spent.thread - spent.encoder - spent.decoder - spent.moves),
            each * point.owner,
            each * point.whole,
            point.whole / point.seconds,
            (point.machine - point.whole) / point.seconds,
        )


def line(name: str, rate: float, runs: list[Costs]) -> Line:
    """Returns a line of the table: medians."""
    middle = {
        field: statistics.median(getattr(run, field) for run in runs)
        for field in Costs.__dataclass_fields__
    }
    digits = {"newcomers": 1, "rows": 1, "cores": 2, "others": 2}
    cells = [f"{value:,.{digits.get(field, 0)}f}" for field, value in middle.items()]
    return [name, f"{rate:,.0f}" if rate else "at once", *cells]


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("--bundle", type=Path, required=True)
    add("--data", type=Path, required=True, help="directory with tatoeba_test")
    add("--kinds", nargs="+", choices=get_args(Kind), default=get_args(Kind))
    add("--engines", type=int, nargs="+", default=[2])
    add("--rows", type=int, help="of each; default: as many as a server has")
    add("--rates", type=float, nargs="+", default=[0, 600, 800, 1000, 1200, 1400])
    add("--callers", type=int, default=4, help="as each connection counts for one")
    add("--front-end", type=float, default=0.0, help="microseconds")
    add("--runs", type=int, default=3)
    add("--seconds", type=float, default=5.0, help="of each rate")
    arguments = parser.parse_args()
    tokenizer = load_tokenizer(Bundle.load(arguments.bundle))
    corpus = Corpus.read(arguments.data, (("tatoeba_test", 1000),))
    sources = [tokenizer.encode(text) for text in corpus.sources]
    random.Random(0).shuffle(sources)  # neighbours in the file are alike
    entrants: list[tuple[Kind, int]] = [
        (kind, engines) for kind in arguments.kinds for engines in arguments.engines
    ]
    found: dict[tuple[str, float], list[Costs]] = defaultdict(list)
    for number in range(arguments.runs):
        for kind, engines in in_turns(entrants, number):
            job = Job(
                arguments.bundle,
                kind,
                engines,
                arguments.rows,
                sources,
                arguments.rates,
                arguments.seconds,
                1e-6 * arguments.front_end,
                arguments.callers,
            )
            for point in observe(job):
                key = f"{engines} {kind}", point.rate
                found[key].append(Costs.of(point))
                print(*line(*key, found[key][-1:]), file=sys.stderr)
    lines = [line(name, rate, runs) for (name, rate), runs in sorted(found.items())]
    print(text_table(HEADINGS, lines))


if __name__ == "__main__":
    main()
