"""A text's future ends once, and the text is forgotten with it, whoever is first."""

import asyncio
import math
from collections.abc import Callable
from typing import cast

from dragoman_server.engine.async_engine import AsyncEngine
from dragoman_server.engine.engine import Progress
from dragoman_server.engine.engines import Engines, Reports
from dragoman_server.engine.estimators import Line
from dragoman_server.engine.waiting_queue import WaitingQueue
from dragoman_server.sequence import Completion, FinishReason, Sequence, TranslationOptions

OPTIONS = TranslationOptions(100)
DONE = Completion([4, 5], FinishReason.STOP, -0.5)


class Elsewhere:
    """Engines that do what a test says."""

    def __init__(self) -> None:
        self.cancelled: list[Sequence] = []
        self.step_costs = [Line(100)]
        self.step_began_at = math.inf
        self.rows = self.running = 0
        self.healthy = True

    def __len__(self) -> int:
        return 1

    async def start(self) -> None:
        """They have."""

    def came(self) -> None:
        """They are told what to take."""

    def cancel(self, sequence: Sequence) -> None:
        self.cancelled.append(sequence)

    def close(self) -> None:
        """Nothing runs."""

    async def join(self) -> None:
        """Nothing runs."""


class Bench:
    """An AsyncEngine over them."""

    def __init__(self) -> None:
        self.queue = WaitingQueue(max_queue_size=99, engines=1)
        self.engines = Elsewhere()
        self.settle: Callable[[Progress], None]
        self.subject = AsyncEngine(self.queue, self._make, max_rows=8)
        self.partial: list[tuple[int, list[int]]] = []

    def _make(self, reports: Reports) -> Engines:
        self.settle = reports.settle
        return cast("Engines", self.engines)

    async def submit(self, texts: int) -> tuple[list[asyncio.Future[Completion]], list[Sequence]]:
        """Returns the futures of texts that the engines have taken, and the sequences."""
        await self.subject.start()
        futures = self.subject.submit(
            [[1]] * texts, OPTIONS, lambda index, tokens: self.partial.append((index, tokens))
        )
        taken = self.queue.take(0, running_rows=0, free_rows=8, max_tokens=99)
        return futures, taken.newcomers


async def test_what_has_ended_is_not_taken_out_again() -> None:
    bench = Bench()
    (future, other), (text, running) = await bench.submit(2)
    bench.settle(Progress([(text, DONE)], [(text, [4]), (running, [6])]))
    assert bench.partial == [(0, [4]), (1, [6])]
    assert future.result() == DONE
    bench.settle(Progress([(text, DONE)], [(text, [4, 5])]))  # nobody hears it
    assert len(bench.partial) == 2
    bench.settle(Progress([(running, DONE)], []))
    await asyncio.wait_for(bench.subject.wait_idle(), 60)
    assert await other == DONE
    assert bench.engines.cancelled == []


async def test_what_is_given_up_as_it_ends_stays_given_up() -> None:
    bench = Bench()
    (future,), (text,) = await bench.submit(1)
    future.cancel()
    bench.settle(Progress([(text, DONE)], []))
    assert future.cancelled()
    await asyncio.wait_for(bench.subject.wait_idle(), 60)
    assert bench.engines.cancelled == [text]


async def test_a_request_is_observed_once_with_its_last_text() -> None:
    bench = Bench()
    for _ in range(10):
        bench.engines.step_costs[0].observe(1, 0.5, 10)
    for _ in range(2):
        _, texts = await bench.submit(8)
        bench.settle(Progress([(text, DONE) for text in texts], []))
    margin = bench.subject._forecast.margin
    (future, *_), texts = await bench.submit(4)  # predicted to take seconds, and takes none
    bench.settle(Progress([(text, DONE) for text in texts[:3]], []))
    assert bench.subject._forecast.margin == margin
    bench.settle(Progress([(texts[3], DONE)], []))
    await future
    assert bench.subject._forecast.margin < margin
