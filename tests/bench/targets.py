"""What it saves to encode a text once that is translated into several languages.

    python -m tests.bench.targets --bundle DIR [--targets 8] [--texts 1,64] [--words 25]

One server, asked in turns, A B C, C B A, ...: for texts into several languages in one request, for
the same in a request for each language at once, and for as many different texts of the same lengths
into one language, of which nothing can be shared. All translations are forced to one length, so
that all of them take the same decoding steps. CPU time is the server's.
"""

import argparse
import random
import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from dragoman import Client, TranslateOptions
from dragoman_export.sentences import SENTENCES
from tests.bench.cpu_time import cpu_seconds
from tests.bench.tables import text_table
from tests.bench.turns import in_turns
from tests.integration.served import Served

TOGETHER, APART, UNLIKE = "one request", "a request for each language", "different texts"


class Took(NamedTuple):
    """What a turn took."""

    seconds: float
    cpu_seconds: float


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("--bundle", type=Path, required=True, help="of a model of many languages")
    add("--targets", type=int, default=8, help="languages to translate into")
    add("--texts", default="1,64", help="numbers of texts, one table row for each and way")
    add("--words", type=int, default=25, help="of a text")
    add("--tokens", type=int, default=30, help="of a translation")
    add("--turns", type=int, default=8)
    add("--engines", type=int, default=2)
    arguments = parser.parse_args()
    options: TranslateOptions = {
        "source_language_code": "en",
        "segmentation": "none",
        "min_decoding_length": arguments.tokens,
        "max_decoding_length": arguments.tokens,
    }
    rows = []
    with (
        Served(arguments.bundle, engines=arguments.engines, max_code_points=1_000_000) as served,
        Client(served.address, timeout=None) as client,
    ):
        (model,) = client.models()
        codes = model.target_language_codes[: arguments.targets]
        for count in map(int, arguments.texts.split(",")):
            ways = _ways(client, _texts(count * len(codes), arguments.words), codes, options)
            found: dict[str, list[Took]] = {name: [] for name in ways}
            for turn in range(arguments.turns + 1):
                for name in in_turns(list(ways), turn):
                    took = _timed(served.process.pid, ways[name])
                    if turn:  # the first warms up
                        found[name].append(took)
            rows += [(str(count), name, *_told(each)) for name, each in found.items()]
    print(f"{len(codes)} languages, {arguments.tokens} tokens each")
    print(text_table(("texts", "", "ms", "quartiles", "CPU ms"), rows))


def _texts(count: int, words: int) -> list[str]:
    """Returns different texts: the same words, so that all have as many tokens, in other orders."""
    chance = random.Random(0)
    known = sorted({word for sentence in SENTENCES for word in sentence.split()})[:words]
    return [" ".join(chance.sample(known, len(known))) for _ in range(count)]


def _ways(
    client: Client, texts: list[str], codes: Sequence[str], options: TranslateOptions
) -> dict[str, Callable[[], object]]:
    """Returns what is timed; all have as many translations."""
    some = texts[: len(texts) // len(codes)]

    def into(code: str) -> object:
        one: TranslateOptions = {**options, "target_language_code": code}
        return client.translate(some, **one)

    def apart() -> None:
        with ThreadPoolExecutor(len(codes)) as pool:
            list(pool.map(into, codes))

    def unlike() -> object:
        one: TranslateOptions = {**options, "target_language_code": codes[0]}
        return client.translate(texts, **one)

    return {
        TOGETHER: lambda: client.translate_into(some, codes, **options),
        APART: apart,
        UNLIKE: unlike,
    }


def _timed(pid: int, work: Callable[[], object]) -> Took:
    used, began_at = cpu_seconds(pid), time.monotonic()
    work()
    return Took(time.monotonic() - began_at, cpu_seconds(pid) - used)


def _told(turns: list[Took]) -> tuple[str, str, str]:
    seconds, used = (statistics.median(each) for each in zip(*turns, strict=True))
    low, _, high = statistics.quantiles([each.seconds for each in turns], n=4)
    return (
        f"{seconds * 1000:,.0f}",
        f"{low * 1000:,.0f} to {high * 1000:,.0f}",
        f"{used * 1000:,.0f}",
    )


if __name__ == "__main__":
    main()
