"""What finding out languages, a third language between and kept translations cost, and save.

    python -m tests.bench.languages --bundle DIR [--input FILE] [--texts 32]

Servers of one engine with one thread, asked in turns by callers in a closed loop: with nothing
set; with detect_languages and a second model of another source; with cache_bytes. CPU time is the
server's. The model from German into French is a copy of the first that says so of itself.
"""

import argparse
import itertools
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from dragoman import Client, TranslateOptions
from tests.bench.cpu_time import cpu_seconds
from tests.bench.many_models import SENTENCES
from tests.bench.tables import text_table
from tests.bench.turns import in_turns
from tests.integration.bundles import copy_bundle
from tests.integration.served import Served

CALLERS = 8


class Case(NamedTuple):
    """One way of asking one of the servers."""

    name: str
    server: str
    options: TranslateOptions


class Run(NamedTuple):
    """What a turn of a case came to."""

    texts_per_second: float
    tokens_per_second: float
    microseconds: float
    """Of the server's CPU time, a text."""


CASES = (
    Case("nothing set", "off", {}),
    Case(
        "detect_languages, source said",
        "detect",
        {"source_language_code": "en", "target_language_code": "de"},
    ),
    Case("detect_languages, source found out", "detect", {"target_language_code": "de"}),
    Case("cache_bytes, skip_cache", "cache", {"skip_cache": True}),
    Case("cache_bytes, all kept", "cache", {}),
    Case(
        "through German",
        "detect",
        {
            "source_language_code": "en",
            "target_language_code": "fr",
            "pivot_language_code": "de",
        },
    ),
)


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("--bundle", type=Path, required=True, help="from English into German")
    add("--input", type=Path, help="English sentences, one a line")
    add("--texts", type=int, default=32, help="of a call")
    add("--seconds", type=float, default=1.5, help="of a turn")
    add("--turns", type=int, default=10)
    arguments = parser.parse_args()
    texts = arguments.input.read_text("utf-8").splitlines() if arguments.input else SENTENCES
    size = arguments.texts
    calls = [texts[start : start + size] for start in range(0, len(texts) - size + 1, size)]
    found: dict[str, list[Run]] = {case.name: [] for case in CASES}
    with ExitStack() as stack:
        servers = _servers(arguments.bundle, stack)
        # One connection each: what is kept is kept for it.
        clients = {
            name: stack.enter_context(Client(server.address)) for name, server in servers.items()
        }
        clients["cache"].translate(texts)
        for turn in range(arguments.turns + 1):
            for case in in_turns(CASES, turn):
                pid = servers[case.server].process.pid
                run = _run(clients[case.server], pid, case.options, calls, arguments.seconds)
                if turn:  # the first warms up
                    found[case.name].append(run)
    rows = [(name, *_medians(runs)) for name, runs in found.items()]
    print(text_table(("", "texts/s", "tokens/s", "CPU us a text", "quartiles"), rows))


def _servers(bundle: Path, stack: ExitStack) -> dict[str, Served]:
    root = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    copy_bundle(bundle, root / "en-de", "en-de")
    copy_bundle(bundle, root / "de-fr", "de-fr", "de-fr")
    copy_bundle(bundle, root / "fr-de", "fr-de", "fr-de")
    settings = {"engines": 1, "threads_per_engine": 1}
    servers = {
        "off": Served(bundle, **settings),
        "detect": Served(None, models=root, detect_languages="true", **settings),
        "cache": Served(bundle, cache_bytes="64MiB", **settings),
    }
    return {name: stack.enter_context(server) for name, server in servers.items()}


def _run(
    client: Client, pid: int, options: TranslateOptions, calls: list[list[str]], seconds: float
) -> Run:
    def call(first: int) -> tuple[int, int]:
        texts = tokens = 0
        for each in itertools.islice(itertools.cycle(calls), first, None):
            if time.monotonic() >= until:
                break
            answer = client.translate(each, **options)
            texts += len(answer)
            tokens += sum(translation.target_token_count for translation in answer)
        return texts, tokens

    with ThreadPoolExecutor(CALLERS) as pool:
        used, began_at = cpu_seconds(pid), time.monotonic()
        until = began_at + seconds
        done = list(pool.map(call, range(CALLERS)))
        used, passed = cpu_seconds(pid) - used, time.monotonic() - began_at
    texts, tokens = (sum(each) for each in zip(*done, strict=True))
    return Run(texts / passed, tokens / passed, used / texts * 1e6)


def _medians(runs: list[Run]) -> tuple[str, str, str, str]:
    texts, tokens, microseconds = (statistics.median(each) for each in zip(*runs, strict=True))
    low, _, high = statistics.quantiles([run.microseconds for run in runs], n=4)
    return f"{texts:,.0f}", f"{tokens:,.0f}", f"{microseconds:,.0f}", f"{low:,.0f} to {high:,.0f}"


if __name__ == "__main__":
    main()
