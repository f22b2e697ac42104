"""Dynamic batching: callers' items wait, free workers take them in batches, callers get results.

Owns the worker threads and the hand-over between them and the event loop. When a batch is due is
peer_queue.py's. Knows neither grpc nor ctranslate2, nor what is done with a batch.
"""

import asyncio
import math
import threading
import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from tests.bench.peer_queue import BatchQueue, Job, Part

Item = TypeVar("Item")
Options = TypeVar("Options", bound=Hashable)
Result = TypeVar("Result")

RunBatch = Callable[[list[Item], Options], Sequence[Result]]


@dataclass(eq=False, slots=True)
class _Expected(Job[Item, Options], Generic[Item, Options, Result]):
    """A job that somebody waits for."""

    future: asyncio.Future[list[Result]] = field(kw_only=True)
    results: dict[int, Result] = field(default_factory=dict)
    """By index of the item."""


Batch = list[Part[_Expected[Item, Options, Result]]]


class Batcher(Generic[Item, Options, Result]):
    """Runs batches on the threads that it started; called on the event loop that started it.

    Args:
        run_batch: Returns one result per item of a batch; called on `workers` threads.
        workers: Batches that run at once. While all of them run, what comes waits and can still
            be batched.
        max_batch_size: Most items of a batch.
        max_delay_seconds: How long a free worker waits for a batch to become full.
    """

    def __init__(
        self,
        run_batch: RunBatch[Item, Options, Result],
        *,
        workers: int,
        max_batch_size: int,
        max_delay_seconds: float,
    ) -> None:
        self._run_batch = run_batch
        self._queue: BatchQueue[_Expected[Item, Options, Result]] = BatchQueue(
            max_batch_size=max_batch_size, max_delay_seconds=max_delay_seconds
        )
        self._changed = threading.Condition()
        self._closing = False
        self._threads = [
            threading.Thread(target=self._work, name=f"worker-{index}", daemon=True)
            for index in range(workers)
        ]
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def waiting(self) -> int:
        """Items that are in no batch yet."""
        with self._changed:
            return len(self._queue)

    def start(self) -> None:
        """Starts the threads."""
        self._loop = asyncio.get_running_loop()
        for thread in self._threads:
            thread.start()

    async def close(self) -> None:
        """Ends the threads once their batches are done; what waits has no result ever."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        for thread in self._threads:
            await asyncio.to_thread(thread.join)

    async def run(self, items: Sequence[Item], options: Options) -> list[Result]:
        """Returns the results of the items, in order, each computed in some batch.

        Where it is cancelled, or one of its batches fails, the rest of it is not begun.

        Raises:
            Exception: What `run_batch` raised.
        """
        if not items:
            return []
        assert self._loop is not None
        job: _Expected[Item, Options, Result] = _Expected(
            items, options, time.monotonic(), future=self._loop.create_future()
        )
        self._put(job)
        try:
            return await job.future
        except BaseException:
            with self._changed:
                self._queue.remove(job)
            raise

    def _put(self, job: _Expected[Item, Options, Result]) -> None:
        with self._changed:
            due_at = self._queue.due_at()
            self._queue.put(job)
            if self._queue.due_at() != due_at:  # else whoever waits does not wait too long
                self._changed.notify()

    def _work(self) -> None:
        """A worker's life."""
        assert self._loop is not None
        while batch := self._next_batch():
            items = [item for part in batch for item in part.job.items[part.start : part.stop]]
            outcome: Sequence[Result] | Exception
            try:
                outcome = self._run_batch(items, batch[0].job.options)
            except Exception as error:  # noqa: BLE001  those who wait for it are told
                outcome = error
            self._loop.call_soon_threadsafe(_settle, batch, outcome)

    def _next_batch(self) -> Batch[Item, Options, Result]:
        """Waits for a batch; returns an empty one on closing."""
        with self._changed:
            while not self._closing:
                now = time.monotonic()
                if batch := self._queue.take(now):
                    if self._queue:
                        self._changed.notify()  # a free worker, if any, minds what is left
                    return batch
                due_at = self._queue.due_at()
                self._changed.wait(None if due_at == math.inf else due_at - now)
        return []


def _settle(batch: Batch[Any, Any, Result], outcome: Sequence[Result] | Exception) -> None:
    """Hands out what became of a batch."""
    done = 0
    for job, start, stop in batch:
        count = stop - start
        if job.future.done():
            pass  # cancelled, or another batch failed
        elif isinstance(outcome, Exception):
            job.future.set_exception(outcome)
        else:
            job.results.update(zip(range(start, stop), outcome[done : done + count], strict=True))
            if len(job.results) == len(job.items):
                job.future.set_result([job.results[index] for index in range(len(job.items))])
        done += count
