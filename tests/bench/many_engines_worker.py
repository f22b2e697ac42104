"""Simulated engines in a process of their own, and callers who keep them busy.

Queue, scheduler, search, metrics, messages and event loop are the server's. Callers send calls of
CALL_TEXTS texts, each as soon as its last one has ended.
"""

import asyncio
import functools
import os
import random
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import uvloop

from dragoman_server.engine import (
    AsyncEngine,
    Engine,
    EngineMetrics,
    Engines,
    EngineThreads,
    Reports,
    Scheduler,
    Sender,
    WaitingQueue,
)
from dragoman_server.memory import collect_seldom
from dragoman_server.monitoring import Metrics
from dragoman_server.sequence import Completion, TranslationOptions
from tests.bench.cpu_time import cpu_seconds
from tests.bench.many_engines_report import Observed
from tests.bench.processes import answer, run_worker
from tests.bench.simulated_engines import (
    MAX_ENCODE_TOKENS,
    MAX_LENGTH,
    Job,
    Log,
    Seen,
    StepCost,
    simulated,
)
from tests.bench.simulated_processes import in_processes

CALL_TEXTS = 32
CALLS_PER_ENGINE = 4
"""In flight. A call's longest text keeps the next call waiting: of so many, enough texts are always
there for every engine to have 32 rows."""

WARM_UP_SECONDS = 1.5
TEXTS = 4096
"""That differ, in lengths drawn from the corpus."""

OPTIONS = TranslationOptions(MAX_LENGTH)


class Moment(NamedTuple):
    """What was used and done until then."""

    at: float
    seen: Seen
    texts: int
    owner_cpu: float
    all_cpu: float

    @classmethod
    def now(cls, log: Log, texts: int) -> "Moment":
        """Takes it, on the event loop."""
        at = time.monotonic()
        return cls(at, log.totals(at), texts, time.thread_time(), cpu_seconds(os.getpid()))


class Callers:
    """Keep a number of calls in flight.

    Args:
        engine: Whom they call.
        lengths: Of the texts' sources and targets.
    """

    def __init__(self, engine: AsyncEngine, lengths: list[tuple[int, int]]) -> None:
        self._engine = engine
        self._texts = _texts(lengths)
        self._is_over = False
        self.ended: list[float] = []
        """Seconds of each text."""

    def call(self, sender: Sender) -> None:
        """Sends a call, and the next when it has ended."""
        texts = [next(self._texts) for _ in range(CALL_TEXTS)]
        left, began = [len(texts)], time.monotonic()

        def note(_: asyncio.Future[Completion]) -> None:
            if self._is_over:
                return
            self.ended.append(time.monotonic() - began)
            left[0] -= 1
            if not left[0]:
                self.call(sender)

        for future in self._engine.submit(texts, OPTIONS, sender=sender):
            future.add_done_callback(note)

    def stop(self) -> None:
        """Sends no more; what is in flight is lost with the engine."""
        self._is_over = True


def observe(job: Job) -> Observed:
    """Measures in a fresh process."""
    return Observed(**run_worker("tests.bench.many_engines_worker", asdict(job)))


def _texts(lengths: list[tuple[int, int]]) -> Iterator[list[int]]:
    """Yields source tokens without end; the first says how long the target is."""
    draw = random.Random(0)
    drawn = [draw.choice(lengths) for _ in range(TEXTS)]
    texts = [[target, *draw.choices(range(8000), k=source - 1)] for source, target in drawn]
    while True:
        yield from texts


def _in_threads(
    job: Job, path: Path, queue: WaitingQueue, metrics: EngineMetrics, reports: Reports
) -> Engines:
    log = Log(path, job.engines)

    def engine(index: int) -> Engine:
        made = simulated(job.cost, log.line(index), job.rows)
        return Engine(
            scheduler=Scheduler(
                queue,
                engine=index,
                max_batch_size=job.rows,
                max_encode_tokens=MAX_ENCODE_TOKENS,
            ),
            search=made.search,
            runner=made.runner,
            metrics=metrics,
            deliver=reports.deliver,
        )

    return EngineThreads(
        [engine(index) for index in range(job.engines)],
        wait=queue.wait,
        all_died=reports.all_died,
    )


async def _observe(job: Job, path: Path) -> Observed:
    log = Log(path, job.engines)
    in_flight = job.engines * CALLS_PER_ENGINE * CALL_TEXTS
    queue = WaitingQueue(max_queue_size=8 * in_flight, engines=job.engines)
    build = _in_threads if job.kind == "threads" else in_processes
    metrics = EngineMetrics(Metrics(), "simulated")
    engine = AsyncEngine(
        queue,
        functools.partial(build, job, path, queue, metrics),
        max_rows=job.engines * job.rows,
    )
    await engine.start()
    collect_seldom()
    callers = Callers(engine, job.lengths)
    for index in range(job.engines * CALLS_PER_ENGINE):
        callers.call(Sender(f"caller-{index % job.callers}"))
    await asyncio.sleep(WARM_UP_SECONDS)
    before = Moment.now(log, len(callers.ended))
    await asyncio.sleep(job.seconds)
    after = Moment.now(log, len(callers.ended))
    callers.stop()
    await engine.close()
    return _difference(job, before, after, callers.ended[before.texts : after.texts])


def _difference(job: Job, before: Moment, after: Moment, text_seconds: list[float]) -> Observed:
    owner_cpu = after.owner_cpu - before.owner_cpu
    return Observed(
        job.kind,
        job.engines,
        after.at - before.at,
        after.texts - before.texts,
        after.seen.steps - before.seen.steps,
        after.seen.rows - before.seen.rows,
        after.seen.model_seconds - before.seen.model_seconds,
        after.seen.held_seconds - before.seen.held_seconds,
        owner_cpu,
        after.all_cpu - before.all_cpu - owner_cpu,
        sorted(text_seconds),
    )


def _work(fields: dict[str, Any]) -> dict[str, Any]:
    lengths = [(source, target) for source, target in fields["lengths"]]
    job = Job(**fields | {"cost": StepCost.parse(fields["cost"]), "lengths": lengths})
    with tempfile.TemporaryDirectory() as directory:
        return asdict(uvloop.run(_observe(job, Path(directory) / "log")))


if __name__ == "__main__":
    answer(_work)
