"""Passes over finished translations that were asked for, beside the engines.

An engine that took them into its steps would let all that runs in it wait. Knows sequences and
futures; does not know graphs.
"""

import asyncio
import logging
import os
from collections.abc import Callable
from collections.abc import Sequence as ListOf
from concurrent.futures import ThreadPoolExecutor

from dragoman_server.engine.engine_threads import NICENESS
from dragoman_server.engine.futures import settle
from dragoman_server.errors import BackendError, DragomanError
from dragoman_server.sequence import (
    Attention,
    Completion,
    Outcome,
    Sequence,
    TranslationOptions,
)

_log = logging.getLogger(__name__)

Attend = Callable[[ListOf[int], Completion, TranslationOptions], Attention]
"""Of source tokens and what became of them, what the options ask for."""


class AttentionThreads:
    """Threads that begin when there is something to do. Used on the event loop.

    Args:
        attend: Makes a pass; any thread may call it.
        threads: Most of them.
    """

    def __init__(self, attend: Attend, threads: int) -> None:
        self._attend = attend
        self._threads = ThreadPoolExecutor(threads, "attention", initializer=_step_aside)

    def settle(
        self, sequence: Sequence, completion: Completion, future: asyncio.Future[Completion]
    ) -> None:
        """Makes a pass over a finished sequence and settles its future; nothing once it is done."""
        passing = asyncio.get_running_loop().run_in_executor(
            self._threads, self._pass, sequence, completion, future
        )
        passing.add_done_callback(lambda passed: _hand_over(passed, future))

    def close(self) -> None:
        """No pass begins any more."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _pass(
        self, sequence: Sequence, completion: Completion, future: asyncio.Future[Completion]
    ) -> Outcome:
        if future.done():  # nobody waits any longer
            return completion
        try:
            attention = self._attend(sequence.source_ids, completion, sequence.options)
        except DragomanError as error:
            return error
        except Exception:  # noqa: BLE001 whatever it is, the thread goes on
            _log.exception("attention_failed")
            return BackendError("computing attention failed; the server's log says why")
        return completion._replace(attention=attention)


def _hand_over(passed: asyncio.Future[Outcome], future: asyncio.Future[Completion]) -> None:
    if not passed.cancelled():  # else the engine closes, and says so itself
        settle(future, passed.result())


def _step_aside() -> None:
    """As engines do: what is let in or answered goes before what is computed."""
    os.setpriority(os.PRIO_PROCESS, 0, os.getpriority(os.PRIO_PROCESS, 0) + NICENESS)
