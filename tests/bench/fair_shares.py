"""Ten callers with single sentences, alone and beside one who sends all that he can.

    python -m tests.bench.fair_shares --bundle DIR --rate 400

The light callers' sentences arrive at random (Poisson), each caller's over a connection of his own.
The heavy one sends calls of 1,024 texts back to back and keeps an endless stream full, over one
connection, as interactive and as bulk. Told are the latencies of the light ones, from the moments
at which the calls were due, and how many texts a second the heavy one gets.
"""

import argparse
import itertools
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import NamedTuple

from dragoman import Client
from dragoman.load.sentences import read_sentences
from dragoman.options import Priority
from tests.bench.open_loop import OK, Ends, message_of, run
from tests.bench.origin import Origin, load_average
from tests.bench.tables import text_table
from tests.integration.served import Served

CALLERS = 10
CALL_TEXTS = 1024
CALL_CODE_POINTS = 30_000
"""The most that a server allows by default."""
WARM_UP_SECONDS = 3.0
TRANSLATED = "request_decode_seconds_count"
PRIORITIES: tuple[Priority, ...] = ("interactive", "bulk")


def heavy(address: str, priority: Priority, texts: list[str]) -> None:
    """Sends until standard input ends."""
    shortest = sorted(texts, key=len)
    while sum(map(len, shortest)) > len(shortest) * CALL_CODE_POINTS // CALL_TEXTS:
        shortest.pop()
    call = list(itertools.islice(itertools.cycle(shortest), CALL_TEXTS))
    with Client(address, timeout=None) as client:

        def calls() -> None:
            while True:
                client.translate(call, priority=priority)

        def stream() -> None:
            for _ in client.translate_stream(itertools.cycle(texts), priority=priority):
                pass

        for work in (calls, stream):
            threading.Thread(target=work, daemon=True).start()
        sys.stdin.read()


class Heavy:
    """The heavy caller, a process of its own, while in `with`."""

    def __init__(self, address: str, priority: Priority) -> None:
        command = [sys.executable, "-m", "tests.bench.fair_shares", "--heavy", address, priority]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE)

    def __enter__(self) -> None:
        """Begins; see light()."""

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()


class Light(NamedTuple):
    """What became of the light callers' calls, and of all others' texts meanwhile."""

    ends: Ends
    others: float
    """Texts a second."""


def light(server: Served, rate: float, seconds: float, texts: list[str]) -> Light:
    """Sends for so long."""
    before, began = server.metric(TRANSLATED), time.monotonic()
    messages = [message_of(text) for text in texts]
    ends, _ = run(server.address, rate, seconds, None, CALLERS, messages=messages)
    translated = server.metric(TRANSLATED) - before - ends.count(OK)
    return Light(ends, translated / (time.monotonic() - began))


def _row(name: str, found: Light, alone: Light | None) -> list[str]:
    ends = found.ends
    count = sum(map(len, ends.seconds.values()))
    row = [name, str(count), str(count - ends.count(OK))]
    row += [f"{ends.quantile(OK, share) * 1000:.1f}" for share in (0.5, 0.97, 0.99)]
    if alone is None:
        return [*row, "", ""]
    ratio = ends.quantile(OK, 0.97) / alone.ends.quantile(OK, 0.97)
    return [*row, f"{ratio:.2f}", f"{found.others:.0f}"]


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("--bundle", type=Path)
    add("--input", type=Path, help="sentences, one a line; default: a sample")
    add("--rate", type=float, default=400.0, help="sentences a second of the light callers")
    add("--seconds", type=float, default=15.0, help="of each phase")
    add("--turns", type=int, default=1)
    add("--workers", type=int, default=0, help="front-end processes of the server")
    add("--heavy", nargs=2, metavar=("ADDRESS", "PRIORITY"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    texts = read_sentences(arguments.input).texts
    if arguments.heavy:
        address, priority = arguments.heavy
        heavy(address, priority, texts)
        return
    rows: list[list[str]] = []
    loads = [load_average()]
    rate, seconds = arguments.rate, arguments.seconds
    with Served(arguments.bundle, workers=arguments.workers) as server:
        light(server, rate, WARM_UP_SECONDS, texts)
        for turn in range(arguments.turns):
            alone = light(server, rate, seconds, texts)
            rows.append(_row("alone", alone, None))
            for priority in PRIORITIES if turn % 2 == 0 else reversed(PRIORITIES):
                with Heavy(server.address, priority):
                    light(server, rate, WARM_UP_SECONDS, texts)
                    beside = light(server, rate, seconds, texts)
                rows.append(_row(f"beside one, {priority}", beside, alone))
                time.sleep(1)
    loads.append(load_average())
    origin = Origin.here("tests.bench.fair_shares", ("grpcio", "onnxruntime"), loads)
    print(origin.heading(f"{CALLERS} callers, {rate:g} sentences a second in all", 1))
    columns = ["light callers", "calls", "failed", "p50 ms", "p97", "p99", "p97 ratio"]
    print(text_table([*columns, "his texts/s"], rows))


if __name__ == "__main__":
    main()
