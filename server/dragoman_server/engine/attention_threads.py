"""Passes over finished translations that were asked for, beside the engines.

An engine that took them into its steps would let all that runs in it wait. What ends while a pass
runs goes through the next one together. Knows sequences and futures; does not know graphs.
"""

import asyncio
import functools
import logging
import os
from collections import deque
from collections.abc import Callable
from collections.abc import Sequence as ListOf
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from dragoman_server.engine.engine_threads import NICENESS
from dragoman_server.engine.futures import settle
from dragoman_server.errors import BackendError, DragomanError
from dragoman_server.sequence import Attention, Completion, Finished, Outcome, Sequence

_log = logging.getLogger(__name__)

MOST_AT_ONCE = 32
"""Texts of a pass."""

Attend = Callable[[ListOf[Finished]], ListOf[Attention | DragomanError]]
"""Makes a pass over some texts."""


class _Waiting(NamedTuple):
    finished: Finished
    future: asyncio.Future[Completion]


class AttentionThreads:
    """Threads that begin when there is something to do. Used on the event loop.

    Args:
        attend: Makes passes; any thread may call it.
        threads: Most of them.
    """

    def __init__(self, attend: Attend, threads: int) -> None:
        self._attend = attend
        self._free = threads
        self._threads = ThreadPoolExecutor(threads, "attention", initializer=_step_aside)
        self._waiting: deque[_Waiting] = deque()
        self._closing = False

    def settle(
        self, sequence: Sequence, completion: Completion, future: asyncio.Future[Completion]
    ) -> None:
        """Makes a pass over a finished sequence and settles its future."""
        finished = Finished(sequence.source_ids, sequence.options, completion)
        self._waiting.append(_Waiting(finished, future))
        if len(self._waiting) == 1:  # once all that ended in the step is here
            asyncio.get_running_loop().call_soon(self._begin)

    def close(self) -> None:
        """No pass begins any more; whoever waits is told by the engine."""
        self._closing = True
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _begin(self) -> None:
        while self._free and self._waiting and not self._closing:
            batch: list[_Waiting] = []
            while self._waiting and len(batch) < MOST_AT_ONCE:
                each = self._waiting.popleft()
                if not each.future.done():  # else nobody waits any longer
                    batch.append(each)
            if batch:
                self._free -= 1
                loop = asyncio.get_running_loop()
                passing = loop.run_in_executor(self._threads, self._pass, batch)
                passing.add_done_callback(functools.partial(self._end, batch))

    def _pass(self, batch: list[_Waiting]) -> list[Outcome]:
        try:
            found = self._attend([each.finished for each in batch])
        except DragomanError as error:
            return [error] * len(batch)
        except Exception:  # noqa: BLE001 whatever it is, the thread goes on
            _log.exception("attention_failed")
            failure = BackendError("computing attention failed; the server's log says why")
            return [failure] * len(batch)
        return [
            outcome
            if isinstance(outcome, DragomanError)
            else each.finished.completion._replace(attention=outcome)
            for each, outcome in zip(batch, found, strict=True)
        ]

    def _end(self, batch: list[_Waiting], passed: asyncio.Future[list[Outcome]]) -> None:
        if passed.cancelled():  # the engine closes, and says so itself
            return
        for each, outcome in zip(batch, passed.result(), strict=True):
            settle(each.future, outcome)
        self._free += 1
        self._begin()


def _step_aside() -> None:
    """As engines do: what is let in or answered goes before what is computed."""
    os.setpriority(os.PRIO_PROCESS, 0, os.getpriority(os.PRIO_PROCESS, 0) + NICENESS)
