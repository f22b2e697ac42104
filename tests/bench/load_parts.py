"""Where processor time goes under load, by a client that takes next to none of it.

    python -m tests.bench.load_parts --data DIR --rates 700 900 1100 --systems threads processes

`dragoman load` takes a third of a millisecond for each request from the cores that it shares with
the server. Here open_loop.py asks, which takes a quarter of that, of both systems alike: Poisson
arrivals of single sentences of tatoeba_test, latency from the moment at which each was due, as in
load_peaks.py. Every answer is looked at once a run is over. The peer batches up to 32 texts.
"""

import argparse
import os
import random
import statistics
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.bench.corpus import Corpus
from tests.bench.cpu_time import descendants
from tests.bench.load_peaks import KINDS, LIBRARIES
from tests.bench.models import Files, find_files, load_model, prepare
from tests.bench.open_load import CONNECTIONS, check, due, percentile_ms
from tests.bench.open_loop import OK, message_of, run
from tests.bench.origin import Origin, load_average
from tests.bench.peer_served import PeerSetting, served_peer
from tests.bench.progress import stage
from tests.bench.tables import text_table
from tests.bench.turns import in_turns
from tests.integration.served import Served

WARM_UP_RATE, WARM_UP_SECONDS = 300.0, 3.0

CLIENT, LOOPS, RPC, ENGINES = "client", "loops", "gRPC", "engines"
"""Whose time it is: the client's, the server's first threads, gRPC's threads, all others."""
RPC_THREADS = ("event_engine", "grpc", "timer", "resolver")

PEER = "peer"
SETTINGS: dict[str, dict[str, object]] = {
    "threads": {"engine_processes": 0},
    "process": {"engine_processes": 1},
    "processes": {"engine_processes": 2},
    "front-end": {"engine_processes": 0, "workers": 1},
}
"""Of our server, by what is told of it."""


class Point(NamedTuple):
    """One run at a rate."""

    answered: float
    """Per cent of the requests that were due."""
    p97_ms: float
    """Of those; what was not answered a second after the last was due counts as late."""
    microseconds: dict[str, float]
    """Of processor time, for each request that was due: the client's and the server's parts."""


def measure(address: str, rate: float, seconds: float, messages: list[bytes]) -> Point:
    """Asks a child process' server for so many sentences a second.

    Raises:
        RuntimeError: An answer is no translation.
    """
    before = _processor_seconds()
    ends, client = run(address, rate, seconds, None, CONNECTIONS, messages=messages)
    after = _processor_seconds()
    check(ends)
    count = due(ends)
    parts = {part: after[part] - before[part] for part in (LOOPS, RPC, ENGINES)} | {CLIENT: client}
    return Point(
        100 * ends.count(OK) / count,
        percentile_ms(ends),
        {part: taken / count * 1e6 for part, taken in parts.items()},
    )


def _processor_seconds() -> Counter[str]:
    """Returns what the threads of all child processes have taken, by part."""
    taken: Counter[str] = Counter()
    for pid in descendants(os.getpid()):
        if pid == os.getpid():
            continue
        for thread in Path(f"/proc/{pid}/task").iterdir():
            name, _, rest = (thread / "stat").read_text().partition("(")[2].rpartition(")")
            fields = rest.split()
            ticks = int(fields[11]) + int(fields[12])
            taken[_part(name, is_first=int(thread.name) == pid)] += ticks
    return Counter({part: ticks / os.sysconf("SC_CLK_TCK") for part, ticks in taken.items()})


def _part(name: str, *, is_first: bool) -> str:
    if is_first:
        return LOOPS
    return RPC if name.startswith(RPC_THREADS) else ENGINES


@contextmanager
def _ours(files: Files, settings: dict[str, object]) -> Iterator[str]:
    with Served(files.bundle, **settings) as server:
        yield server.address


def _start(system: str, files: Files) -> AbstractContextManager[str]:
    if system == PEER:
        return served_peer(files, "int8", PeerSetting())
    return _ours(files, SETTINGS[system])


def _measure_all(
    arguments: argparse.Namespace, files: Files
) -> dict[tuple[str, float], list[Point]]:
    """Runs each system at every rate, in turns."""
    sentences = list(Corpus.read(arguments.data, KINDS["everyday"]).sources)
    random.Random(0).shuffle(sentences)
    messages = [message_of(sentence) for sentence in sentences]
    systems = list(dict.fromkeys([*arguments.systems, PEER]))
    found: dict[tuple[str, float], list[Point]] = {}
    for number in range(arguments.runs):
        for system in in_turns(systems, number):
            with stage(f"{system}, run {number + 1}"), _start(system, files) as address:
                measure(address, WARM_UP_RATE, WARM_UP_SECONDS, messages)
                for rate in arguments.rates:
                    point = measure(address, rate, arguments.seconds, messages)
                    found.setdefault((system, rate), []).append(point)
    return found


def _row(system: str, rate: float, points: list[Point]) -> list[str]:
    medians = [
        statistics.median(point.microseconds[part] for point in points)
        for part in (CLIENT, LOOPS, RPC, ENGINES)
    ]
    p97s = sorted(point.p97_ms for point in points)
    spread = f"{statistics.median(p97s):,.0f} ({p97s[0]:,.0f} to {p97s[-1]:,.0f})"
    answered = statistics.median(point.answered for point in points)
    return [
        system,
        f"{rate:,.0f}",
        f"{answered:.1f}",
        spread,
        *(f"{each:,.0f}" for each in medians),
    ]


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("--data", type=Path, required=True, help="tatoeba_test")
    add("--rates", type=float, nargs="+", required=True, help="requests a second")
    add("--systems", nargs="+", choices=SETTINGS, default=["threads"], help="beside the peer")
    add("--runs", type=int, default=3, help="of each; medians are told")
    add("--seconds", type=float, default=8.0, help="of each rate")
    add("--reuse", action="store_true", help="the models that an earlier benchmark converted")
    arguments = parser.parse_args()
    files = (find_files if arguments.reuse else prepare)(load_model("shipped"), "int8")
    loads = [load_average()]
    found = _measure_all(arguments, files)
    loads.append(load_average())
    origin = Origin.here("tests.bench.load_parts", LIBRARIES, loads)
    print(origin.heading("tatoeba_test[:1000]", arguments.runs))
    columns = ["system", "requests/s", "answered, %", "p97, ms", "client, µs", "loops", "gRPC"]
    rows = [_row(system, rate, points) for (system, rate), points in found.items()]
    print(text_table([*columns, "engines"], rows))


if __name__ == "__main__":
    main()
