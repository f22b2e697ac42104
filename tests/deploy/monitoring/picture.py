"""Draws docs/images/dashboard.svg: `python -m tests.deploy.monitoring.picture FLOAT32 INT8`.

Two servers, one for each bundle, are asked for more and more until they refuse, and then for little
again; a real Prometheus scrapes them, and answers the dashboard's own queries.
"""

import argparse
import asyncio
import itertools
import random
import tempfile
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.dashboards.draw import Drawing, Window
from dragoman.v1.translation_pb2 import (
    PRIORITY_BULK,
    PRIORITY_INTERACTIVE,
    TranslateTextRequest,
)
from dragoman_export.sentences import SENTENCES
from tests.deploy.monitoring.component import ROOT, board, write_rules
from tests.deploy.monitoring.scraping import Scraping
from tests.deploy.monitoring.stubs import Metadata, make_callers, open_stubs
from tests.integration.served import Served

if TYPE_CHECKING:
    from dragoman.v1.translation_pb2_grpc import TranslationServiceAsyncStub

PICTURE = ROOT / "docs/images/dashboard.svg"
CAPTION = (
    "Drawn from a real Prometheus' answers to the panels' own queries; not a screenshot of Grafana."
    " Lines that stay at zero have no name. Two servers of one engine and their client share"
    " {machine}. Calls have 0.5 s; most have one text, one in 60 has 30 and is another's bulk."
)

STEADY_SECONDS, RISING_SECONDS = 60.0, 150.0
LOWEST_RATE = 25.0
DEADLINE_SECONDS = 0.5
LARGE_CALL = 30
"""Texts of one call in sixty."""

STEP_SECONDS = 4.0
VARIABLES = {
    "namespace": ".*",
    "job": "dragoman",
    "pod": ".*",
    "model": ".*",
    "__rate_interval": "12s",
    "__range": f"{2 * STEADY_SECONDS + RISING_SECONDS:.0f}s",
}


def main() -> None:
    """Serves, loads, scrapes and draws."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundles", type=Path, nargs=2)
    parser.add_argument("--highest-rate", type=float, default=400.0, help="calls a second")
    parser.add_argument("--machine", default="two cores", help="what the caption says they run on")
    parser.add_argument("--output", type=Path, default=PICTURE)
    arguments = parser.parse_args()
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        keys = directory / "keys.yaml"
        callers = make_callers(keys, "web", "batch")
        servers = [
            stack.enter_context(Served(bundle, api_keys=keys, engines=1, max_batch_size=32))
            for bundle in arguments.bundles
        ]
        pods = {
            f"dragoman-{name}": server.metrics_address
            for name, server in zip("ab", servers, strict=True)
        }
        rules = write_rules(directory)
        scraping = stack.enter_context(Scraping(directory, pods, rules))
        scraping.until(lambda prometheus: len(prometheus.at("up == 1", time.time())) == len(pods))
        start = time.time()
        addresses = [server.address for server in servers]
        asyncio.run(_load(addresses, callers, arguments.highest_rate))
        window = Window(start, time.time(), STEP_SECONDS)
        drawing = Drawing(board(), scraping.prometheus, VARIABLES, window)
        drawing.save(arguments.output, CAPTION.format(machine=arguments.machine))


async def _load(addresses: list[str], callers: Mapping[str, Metadata], highest_rate: float) -> None:
    """Sends calls at random moments, to each server in turn; none is tried again."""
    chance = random.Random(1)
    async with AsyncExitStack() as stack:
        stubs = itertools.cycle(await open_stubs(stack, addresses))
        calls = await stack.enter_async_context(asyncio.TaskGroup())
        loop = asyncio.get_running_loop()
        began = due = loop.time()
        while due - began < 2 * STEADY_SECONDS + RISING_SECONDS:
            due += chance.expovariate(_rate(due - began, highest_rate))
            await asyncio.sleep(max(due - loop.time(), 0))
            calls.create_task(_call(next(stubs), callers, chance))


def _rate(seconds: float, highest: float) -> float:
    rising = (seconds - STEADY_SECONDS) / RISING_SECONDS
    return LOWEST_RATE + (highest - LOWEST_RATE) * rising if 0 < rising < 1 else LOWEST_RATE


async def _call(
    stub: "TranslationServiceAsyncStub", callers: Mapping[str, Metadata], chance: random.Random
) -> None:
    """Mostly one text; now and then many, which are bulk, or none, which is refused."""
    count = chance.choices((1, LARGE_CALL, 0), weights=(117, 2, 1))[0]
    is_bulk = count == LARGE_CALL
    request = TranslateTextRequest(
        contents=chance.sample(SENTENCES, count),
        priority=PRIORITY_BULK if is_bulk else PRIORITY_INTERACTIVE,
    )
    caller = callers["batch" if is_bulk else "web"]
    await stub.TranslateText(request, timeout=DEADLINE_SECONDS, metadata=caller).code()


if __name__ == "__main__":
    main()
