"""What each further core gives: engines of a real model, as threads and in processes of their own.

    python -m tests.bench.core_scaling --bundle DIRECTORY --data DIRECTORY [--ctranslate2 DIRECTORY]

1, 2, 4, ... engines of one thread, up to the cores there are, on tatoeba_test; beside CTranslate2
with as many workers where a converted model is given. Ids to ids, without gRPC. All go in turns,
each in a fresh process.
"""

import argparse
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from dragoman_server.machine import cpu_count
from dragoman_server.models.bundle import Bundle
from tests.bench.core_report import HEADINGS, engine_counts, lines
from tests.bench.corpus import Corpus, encode
from tests.bench.systems import Precision, Setting
from tests.bench.tables import markdown_table
from tests.bench.turns import in_turns
from tests.bench.worker import measure

MAX_LENGTH = 100
LINES = 1000
COPIES_PER_ENGINE = 2
"""Of these lines are translated at once: every engine has its fill."""


def settings(
    bundle: Path, precision: Precision, ctranslate2: Path | None, engines: int
) -> dict[str, Setting]:
    """Returns what is measured with so many engines, by name."""
    threads = Setting("dragoman", precision, bundle, 1, MAX_LENGTH, workers=engines)
    found = {"threads": threads, "processes": replace(threads, engine_processes=engines)}
    if ctranslate2 is not None:
        found["CTranslate2"] = replace(threads, system="ctranslate2", model=ctranslate2)
    return found


def main(argv: Sequence[str] | None = None) -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--precision", choices=("float32", "int8"), default="int8", help="its")
    parser.add_argument("--data", type=Path, required=True, help="directory with tatoeba_test")
    parser.add_argument("--ctranslate2", type=Path, help="the same checkpoint, converted")
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args(argv)
    bundle = Bundle.load(arguments.bundle)
    corpus = Corpus.read(arguments.data, (("tatoeba_test", LINES),))
    once = encode(corpus, bundle, forced_lengths=False)
    speeds: dict[tuple[int, str], list[float]] = defaultdict(list)
    for number in range(arguments.runs):
        for engines in in_turns(engine_counts(cpu_count()), number):
            work = replace(once, sources=once.sources * COPIES_PER_ENGINE * engines)
            found = settings(arguments.bundle, arguments.precision, arguments.ctranslate2, engines)
            for name, setting in in_turns(list(found.items()), number):
                run, _ = measure(setting, work)
                speeds[engines, name].append(run.tokens_per_second)
                print(engines, name, f"{run.tokens_per_second:,.0f}", file=sys.stderr)
    print(markdown_table(HEADINGS, lines(speeds)))


if __name__ == "__main__":
    main()
