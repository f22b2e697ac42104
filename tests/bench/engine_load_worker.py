"""Engines of a real model and single texts that come at random, in a process of its own.

Queue, engines, messages and event loop are the server's; there is no gRPC and no tokenizer. The
event loop may be told to spend as long on each text as a front end would.
"""

import asyncio
import functools
import gc
import itertools
import os
import random
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from dragoman_server.config import Config
from dragoman_server.engine import AsyncEngine, EngineMetrics, Sender, WaitingQueue
from dragoman_server.hosted import Recipe
from dragoman_server.models import Bundle
from dragoman_server.monitoring import Metrics
from dragoman_server.sequence import TranslationOptions
from dragoman_server.service import engine_caches, model_limits
from tests.bench.cpu_time import cpu_seconds, machine_seconds
from tests.bench.processes import answer, run_worker
from tests.bench.watched_engines import Parts, in_processes, in_threads
from tests.bench.watched_runner import Spent, SpentLog

Kind = Literal["threads", "process", "processes"]
"""Of engines: of the interpreter with the event loop; of one of their own; with one each."""

WARM_UP_SECONDS = 2.0
OFFLINE = 0.0
"""A rate: all texts are there from the beginning."""
OFFLINE_TEXTS = 2000
QUEUE_SIZE = 20_000


@dataclass(frozen=True)
class Job:
    """What is to be measured."""

    bundle: Path
    kind: Kind
    engines: int
    rows: int | None
    """Of each; None for what a server has."""
    sources: list[list[int]]
    rates: list[float]
    """Texts a second, one after the other."""
    seconds: float
    """Of each rate."""
    front_end_seconds: float
    """That the event loop spends on each text."""
    callers: int
    """Who take turns."""


@dataclass(frozen=True)
class Point:
    """One rate."""

    rate: float
    seconds: float
    texts: int
    """That were due."""
    text_seconds: list[float]
    """Of each, from when it was due, ascending."""
    spent: Spent
    """By the engines' threads."""
    owner: float
    """Seconds of processor time of the event loop."""
    whole: float
    """Of all threads and processes."""
    machine: float
    """Of everything that ran on the machine meanwhile."""


def observe(job: Job) -> list[Point]:
    """Measures in a fresh process."""
    points = run_worker("tests.bench.engine_load_worker", asdict(job))
    return [Point(**point | {"spent": Spent(*point["spent"])}) for point in points]


class Callers:
    """Send single texts, and note how long each took.

    Args:
        engine: Whom they ask.
        job: What they send, and how much each text costs the event loop: half before it is sent.
        options: How it is translated.
    """

    def __init__(self, engine: AsyncEngine, job: Job, options: TranslationOptions) -> None:
        self._engine = engine
        self._sources = itertools.cycle(job.sources)
        self._senders = itertools.cycle(Sender(f"caller-{index}") for index in range(job.callers))
        self._options = options
        self._half_seconds = job.front_end_seconds / 2
        self.seconds: list[float] = []

    async def at(self, rate: float, seconds: float, seed: int) -> int:
        """Sends texts by a Poisson process, or many at once; returns how many once all ended."""
        sent = 0
        for due in _moments(time.monotonic(), rate, seconds, seed):
            if rate != OFFLINE:  # those that end have their turn, however late we are
                await asyncio.sleep(max(0.0, due - time.monotonic()))
            self._send(due)
            sent += 1
        await self._engine.wait_idle()
        return sent

    def _send(self, due: float) -> None:
        _spend(self._half_seconds)
        asked = [next(self._sources)], self._options
        future = self._engine.submit(*asked, sender=next(self._senders))[0]
        future.add_done_callback(functools.partial(self._note, due))

    def _note(self, due: float, future: asyncio.Future[Any]) -> None:
        future.result()
        _spend(self._half_seconds)
        self.seconds.append(time.monotonic() - due)


def _moments(began: float, rate: float, seconds: float, seed: int) -> Iterator[float]:
    if rate == OFFLINE:
        yield from itertools.repeat(began, OFFLINE_TEXTS)
        return
    arrivals, due = random.Random(seed), began
    while (due := due + arrivals.expovariate(rate)) < began + seconds:
        yield due


def _spend(seconds: float) -> None:
    """Spends processor time, as Python does: with the lock."""
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


def _build(job: Job, path: Path) -> tuple[AsyncEngine, TranslationOptions]:
    bundle = Bundle.load(job.bundle)
    config = Config(bundle=job.bundle, provider="cpu", max_batch_size=job.rows, log_level="warning")
    limits = model_limits(bundle.manifest, config)
    shape = engine_caches(bundle.manifest, config, limits, engines=job.engines)
    recipe = Recipe(bundle, config, limits, 1, shape)
    queue = WaitingQueue(max_queue_size=QUEUE_SIZE, engines=job.engines)
    metrics = EngineMetrics(Metrics(), bundle.manifest.name)
    parts = Parts(job.engines, recipe, path, queue, metrics)
    made = functools.partial(in_threads, parts)
    if job.kind != "threads":
        processes = 1 if job.kind == "process" else job.engines
        made = functools.partial(in_processes, parts, processes=processes)
    engine = AsyncEngine(queue, made, max_rows=job.engines * shape.max_rows)
    longest = bundle.manifest.decoding_defaults.max_decoding_length or limits.max_decoding_length
    return engine, TranslationOptions(longest, return_scores=False)


async def _observe(job: Job, path: Path) -> list[Point]:
    log = SpentLog(path, job.engines)
    engine, options = _build(job, path)
    await engine.start()
    gc.freeze()  # as in cli.py
    callers = Callers(engine, job, options)
    await callers.at(job.rates[0] or 500.0, WARM_UP_SECONDS, seed=0)
    points = []
    for rate in job.rates:
        callers.seconds = []
        before = log.total(), time.thread_time(), cpu_seconds(os.getpid()), machine_seconds()
        began = time.monotonic()
        texts = await callers.at(rate, job.seconds, seed=1)
        points.append(
            Point(
                rate,
                time.monotonic() - began,
                texts,
                sorted(callers.seconds),
                log.total().since(before[0]),
                time.thread_time() - before[1],
                cpu_seconds(os.getpid()) - before[2],
                machine_seconds() - before[3],
            )
        )
    await engine.close()
    return points


def _work(fields: dict[str, Any]) -> list[dict[str, Any]]:
    job = Job(**fields | {"bundle": Path(fields["bundle"])})
    with tempfile.TemporaryDirectory() as directory:
        points = asyncio.run(_observe(job, Path(directory) / "log"))
    return [asdict(point) for point in points]


if __name__ == "__main__":
    answer(_work)
