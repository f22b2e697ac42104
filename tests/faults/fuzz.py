"""Sends a server what nobody would, and looks whether it is as well afterwards as it was before.

    python -m tests.faults.fuzz --bundle DIR --messages 100000 --seed 1

Exit status 1 where a call ended with what is not documented or not at all, where the server wrote
an error into its log, or keeps a row, a descriptor, a thread or memory, or translates otherwise.
"""

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from dragoman import Client
from tests.attacks.harness import Server, memory_bytes
from tests.faults.footprint import Footprint, footprint, held, is_calm, left_over
from tests.faults.traffic import Traffic

CONNECTIONS = 4
CALLERS = 8
"""Of each connection."""

WARM_UP = 0.4
"""Part of the messages after which threads, caches and pools have what they work in."""

SENTENCES = ("the cat", "where is the house by the river", "a", "1 2 3")
LONG = "1 2 3 4 5 6 7 8 9 0 " * 3
"""Nearly as long as the tests' models take."""

LOOKS = 8
"""At the server's memory, between its start and its end."""


class Report(NamedTuple):
    """What a run has shown."""

    messages: int
    seconds: float
    codes: Counter[str]
    before: Footprint
    after: Footprint
    memory: list[list[int]]
    """Resident bytes in the course of it, of the server's process and each that it started."""
    problems: list[str]


def fuzz(server: Server, messages: int, seed: int) -> Report:
    """Sends that many messages to a server that nobody else uses."""
    right = _translated(server)
    _fill(server)
    traffic = Traffic(server.address, seed)
    began = time.monotonic()
    shares = [round(messages * share / LOOKS) for share in range(LOOKS + 1)]
    warm = round(messages * WARM_UP)
    problems: list[str] = []
    before, memory = footprint(server), []
    later = [share for share in shares if share > warm]
    for first, end in zip([0, warm, *later[:-1]], [warm, *later], strict=True):
        numbers = range(first, end)
        traffic.send(numbers, connections=CONNECTIONS, callers=CALLERS)
        if not is_calm(server):
            problems.append(f"after message {end} it still has {held(server)}")
        memory.append([memory_bytes(pid, "VmRSS") for pid in server.pids()])
        if first == 0:
            before = footprint(server)
    seconds = time.monotonic() - began
    if _translated(server) != right:
        problems.append("it no longer translates as it did")
    if more := left_over(server, before):
        problems.append(more)
    after = footprint(server)
    problems += traffic.wrong + errors_in(server.log)
    return Report(traffic.sent, seconds, traffic.codes, before, after, memory, problems)


def errors_in(log: Sequence[str]) -> list[str]:
    """Returns the lines that no client should be able to bring about."""
    events = [json.loads(line) if line.startswith("{") else {"level": "?"} for line in log]
    return [
        f"log: {line.strip()}"
        for line, event in zip(log, events, strict=True)
        if event["level"] not in {"debug", "info"}
    ]


def _fill(server: Server) -> None:
    """Uses all rows for long texts: a page of the caches is resident once it was touched."""
    with Client(server.address, timeout=120) as client:
        for beam_size in (1, 4):
            client.translate([LONG] * 600, beam_size=beam_size)
        client.translate([LONG] * 200, return_alignment=True)  # by as many threads as there may be


def _translated(server: Server) -> list[str]:
    with Client(server.address, timeout=60) as client:
        return [each.translated_text for each in client.translate(list(SENTENCES))]


def _print(report: Report) -> None:
    print(f"{report.messages:,} messages in {report.seconds:.0f} s")
    print("codes:", ", ".join(f"{code} {count:,}" for code, count in report.codes.most_common()))
    for name, each in (("before", report.before), ("after", report.after)):
        print(
            f"{name}: {each.descriptors} descriptors, {each.threads} threads, "
            f"{each.rss_bytes / 1e6:.1f} MB resident"
        )
    told = ["+".join(f"{each / 1e6:.1f}" for each in processes) for processes in report.memory]
    print("MB in the course of it:", " ".join(told))
    for problem in report.problems[:50]:
        print("PROBLEM", problem[:2000])
    print(f"{len(report.problems)} problems")


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.fuzz", description=__doc__)
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=0, help="front-end processes of the server")
    given = parser.parse_args(arguments)
    with Server(given.bundle, workers=given.workers, detect_languages=True) as server:
        report = fuzz(server, given.messages, given.seed)
    _print(report)
    return 1 if report.problems else 0


if __name__ == "__main__":
    sys.exit(main())
