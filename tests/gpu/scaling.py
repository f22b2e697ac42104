"""What each further core of the machine gives: engines on its CPU, as threads and in processes.

    python -m tests.gpu.scaling --seconds 150

1, 2, 4, ... engines of one thread, up to the cores there are, on the carried sentences; in int8
with onnxruntime, in bfloat16 with PyTorch where there is none. All go in turns, until the time is
up. `tests.bench.core_scaling` is the same beside CTranslate2, with the server's own libraries.
"""

import argparse
import asyncio
import functools
import gc
import sys
import time
from collections import defaultdict
from importlib.util import find_spec
from typing import get_args

from dragoman_server.engine.async_engine import AsyncEngine
from dragoman_server.machine import cpu_count
from dragoman_server.sequence import TranslationOptions
from tests.bench.core_report import HEADINGS, engine_counts, lines
from tests.bench.tables import markdown_table
from tests.bench.turns import in_turns
from tests.gpu.carried import (
    DIRECTORY,
    MAX_LENGTH,
    ON_CORES,
    ON_CORES_WITH_TORCH,
    CarriedBundle,
    Workload,
)
from tests.gpu.core_engines import System, hosted, on_cores

COPIES_PER_ENGINE = 4
"""Of the sentences are translated at once: every engine has its fill."""

OPTIONS = TranslationOptions(MAX_LENGTH, return_scores=False)


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=150, help="after which nothing is begun")
    parser.add_argument("--runs", type=int, default=3, help="of each, at most")
    arguments = parser.parse_args()
    carried = ON_CORES if find_spec("onnxruntime") else ON_CORES_WITH_TORCH
    workload = Workload.read(DIRECTORY)
    print(f"{cpu_count()} cores, {carried.name}", file=sys.stderr)
    speeds = measured(carried, workload, runs=arguments.runs, seconds=arguments.seconds)
    print(markdown_table(HEADINGS, lines(speeds)))


def measured(
    carried: CarriedBundle, workload: Workload, *, runs: int, seconds: float
) -> dict[tuple[int, str], list[float]]:
    """Returns tokens/s of each run, by engines and system; the first is of one engine."""
    make = functools.partial(hosted, carried.path, carried.format, workload.longest)
    speeds: dict[tuple[int, str], list[float]] = defaultdict(list)
    began_at = time.perf_counter()
    for number in range(runs):
        for engines in in_turns(engine_counts(cpu_count()), number):
            for system in in_turns(get_args(System), number):
                if time.perf_counter() > began_at + seconds and (1, system) in speeds:
                    return speeds
                speed = asyncio.run(_speed(on_cores(make, engines, system), workload, engines))
                gc.collect()  # engines refer to each other, and hold caches
                speeds[engines, system].append(speed)
                print(engines, system, f"{speed:,.0f}", file=sys.stderr)
    return speeds


async def _speed(engine: AsyncEngine, workload: Workload, engines: int) -> float:
    """Tokens a second, end tokens counted, once everything has been used."""
    await engine.start()
    try:
        await asyncio.gather(*engine.submit(workload.sources * engines, OPTIONS))
        began_at = time.perf_counter()
        work = workload.sources * COPIES_PER_ENGINE * engines
        completions = await asyncio.gather(*engine.submit(work, OPTIONS))
        seconds = time.perf_counter() - began_at
    finally:
        await engine.close()
    return sum(len(each.token_ids) + 1 for each in completions) / seconds


if __name__ == "__main__":
    main()
