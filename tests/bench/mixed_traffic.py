"""Single sentences while large calls keep coming: who waits for whom.

    python -m tests.bench.mixed_traffic --target HOST:PORT --input FILE [--target-lengths FILE]

Single sentences arrive at random (Poisson) and are answered one by one; a call of many texts comes
every few seconds. Told is the latency of the single ones, with and without the large calls, and of
the large calls.
"""

import argparse
import asyncio
import random
import statistics
import time
from dataclasses import dataclass, field
from pathlib import Path

from dragoman import AsyncClient
from tests.bench.tables import text_table


@dataclass
class Traffic:
    """What is sent."""

    texts: list[str]
    lengths: list[int] | None
    """Of their translations; of a large call's all have their mean."""
    rate: float
    """Single sentences a second."""
    seconds: float
    size: int
    """Texts of a large call."""
    every: float
    """Seconds between the large calls."""


@dataclass
class Latencies:
    """Milliseconds."""

    single: list[float] = field(default_factory=list)
    large: list[float] = field(default_factory=list)


async def drive(target: str, traffic: Traffic, *, seed: int, with_large: bool) -> Latencies:
    """Sends it; returns the latencies from the moments at which the calls were due."""
    chance = random.Random(seed)
    found = Latencies()
    loop = asyncio.get_running_loop()
    async with AsyncClient(target, timeout=60) as client, asyncio.TaskGroup() as tasks:
        started = loop.time()

        async def call(due: float, texts: list[int], latencies: list[float]) -> None:
            length = None
            if traffic.lengths is not None:
                length = round(statistics.mean(traffic.lengths[index] for index in texts))
            await client.translate(
                [traffic.texts[index] for index in texts],
                min_decoding_length=length,
                max_decoding_length=length,
            )
            latencies.append((loop.time() - due) * 1000)

        async def arrive(interval: float, size: int, latencies: list[float], poisson: bool) -> None:
            due = started
            while True:
                due += chance.expovariate(1 / interval) if poisson else interval
                if due > started + traffic.seconds:
                    return
                await asyncio.sleep(due - loop.time())
                texts = [chance.randrange(len(traffic.texts)) for _ in range(size)]
                tasks.create_task(call(due, texts, latencies))

        tasks.create_task(arrive(1 / traffic.rate, 1, found.single, poisson=True))
        if with_large:
            tasks.create_task(arrive(traffic.every, traffic.size, found.large, poisson=False))
    return found


def _row(name: str, latencies: list[float]) -> tuple[str, ...]:
    ordered = sorted(latencies)
    shares = (0.5, 0.97, 0.99)
    told = (f"{ordered[min(int(len(ordered) * share), len(ordered) - 1)]:.0f}" for share in shares)
    return name, str(len(ordered)), *told, f"{ordered[-1]:.0f}"


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("--target", required=True, help="HOST:PORT of the server")
    add("--input", type=Path, required=True, help="sentences, one a line")
    add("--target-lengths", type=Path, help="of their translations, for random weights")
    add("--rate", type=float, default=20.0, help="single sentences a second")
    add("--size", type=int, default=64, help="texts of a large call")
    add("--every", type=float, default=3.0, help="seconds between large calls")
    add("--seconds", type=float, default=20.0, help="of each of the two runs")
    add("--seed", type=int, default=1)
    arguments = parser.parse_args()
    texts = arguments.input.read_text("utf-8").splitlines()
    lengths = None
    if arguments.target_lengths:
        lengths = [int(line) for line in arguments.target_lengths.read_text().split()]
    traffic = Traffic(
        texts, lengths, arguments.rate, arguments.seconds, arguments.size, arguments.every
    )
    rows = []
    for with_large in (False, True):
        found = asyncio.run(
            drive(arguments.target, traffic, seed=arguments.seed, with_large=with_large)
        )
        beside = "beside large calls" if with_large else "alone"
        rows.append(_row(f"single sentences, {beside}", found.single))
        if with_large:
            rows.append(_row(f"calls of {traffic.size}", found.large))
        time.sleep(1)
    print(text_table(("", "calls", "p50, ms", "p97", "p99", "longest"), rows))


if __name__ == "__main__":
    main()
