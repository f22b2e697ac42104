"""The threads that engines live in: each steps for as long as there is something to do.

Knows when an engine has its turn, and what becomes of one whose thread dies. Does not know what
steps do, nor who waits for them.
"""

import asyncio
import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from collections.abc import Sequence as ListOf
from concurrent.futures import Future
from typing import Protocol

from dragoman_server.engine.engines import EngineGroup, Member
from dragoman_server.engine.turns import Share, Turn, Turns
from dragoman_server.errors import ConfigError

_log = logging.getLogger(__name__)

# A thread that comes back from the model waits at most so long for the interpreter lock, several
# times a step. Python's own 5 ms are as long as several steps.
SWITCH_INTERVAL_SECONDS = 0.0001

# Linux has priorities by thread. Where processors are short the event loop goes first: what is let
# in, refused or answered too late is of no use however fast it was translated.
NICENESS = 5

# How often it is looked whether a thread, which was told to end, has ended.
LOOK_SECONDS = 0.005


def give_way() -> None:
    """Lets the event loop go before this thread, which is an engine's."""
    os.setpriority(os.PRIO_PROCESS, 0, os.getpriority(os.PRIO_PROCESS, 0) + NICENESS)


class Stepping(Member, Protocol):
    """What is needed of an Engine."""

    def step(self) -> bool:
        """Does a step; False where nothing is to do."""

    def abandon(self, error: BaseException) -> None:
        """Ends all that it holds, as its thread cannot go on."""


class EngineThreads(EngineGroup[Stepping]):
    """Engines in threads of this process.

    Built anywhere, then used on the event loop that starts it.

    Args:
        engines: Each gets a thread.
        prepare: What each thread does first, one after the other; empty for nothing.
        wait: Blocks until an engine has something to do; False once it never will again.
        all_died: Called on the event loop where the last thread could not go on.
        turns: Hands the cores out to the engines of all models; None where these have them to
            themselves.
        share: The model's.
        clock: Seconds, monotonic.
    """

    def __init__(
        self,
        engines: ListOf[Stepping],
        prepare: ListOf[Callable[[], None]] = (),
        *,
        wait: Callable[[], bool],
        all_died: Callable[[], None],
        turns: Turns | None = None,
        share: Share | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(engines)
        self._prepare = list(prepare) or [_nothing] * len(engines)
        self._wait = wait
        self._all_died = all_died
        self._turns = turns
        self._share = share or Share()
        self._clock = clock
        self._threads: list[threading.Thread] = []
        self._living = len(engines)
        self._closing = False

    def came(self) -> None:
        """The queue itself wakes those who wait for it."""

    @property
    def healthy(self) -> bool:
        """Whether every engine's thread is alive."""
        return bool(self._threads) and all(thread.is_alive() for thread in self._threads)

    async def start(self) -> None:
        """Starts the threads; returns once all are prepared.

        Raises:
            ConfigError: There is no room for a thread.
            DragomanError: One could not be prepared.
        """
        loop = asyncio.get_running_loop()
        sys.setswitchinterval(SWITCH_INTERVAL_SECONDS)
        pairs = zip(self._engines, self._prepare, strict=True)
        for index, (engine, prepare) in enumerate(pairs):
            ready: Future[None] = Future()
            arguments = (engine, prepare, ready, loop)
            thread = threading.Thread(target=self._live, args=arguments, name=f"engine-{index}")
            thread.daemon = True
            try:
                thread.start()
            except RuntimeError as error:
                raise ConfigError(
                    f"engine {index + 1} of {len(self._engines)} cannot be started: {error}; "
                    "set fewer engines"
                ) from None
            self._threads.append(thread)
            await asyncio.wrap_future(ready)

    def close(self) -> None:
        """Lets each thread end after its running step, once `wait` says so too."""
        self._closing = True

    async def join(self) -> None:
        """Returns once all threads have ended, and forgets the engines and whom it tells."""
        for thread in self._threads:
            while thread.is_alive():  # noqa: ASYNC110  to join one that hangs would not end
                await asyncio.sleep(LOOK_SECONDS)
        self._engines.clear()
        self._prepare.clear()
        self._all_died = _nothing

    def _live(
        self,
        engine: Stepping,
        prepare: Callable[[], None],
        ready: Future[None],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        """A thread's life."""
        give_way()
        try:
            prepare()
        except BaseException as error:  # noqa: BLE001 somebody waits for it
            ready.set_exception(error)
        else:
            ready.set_result(None)
            self._run(engine, loop)

    def _run(self, engine: Stepping, loop: asyncio.AbstractEventLoop) -> None:
        try:
            while not self._closing:
                if not self._take_turn(engine) and not self._wait():
                    break
        except BaseException as error:  # noqa: BLE001 the thread ends here, whatever it was
            _log.critical("engine_thread_died", exc_info=True)
            engine.abandon(error)
            loop.call_soon_threadsafe(self._bury)

    def _take_turn(self, engine: Stepping) -> bool:
        """Steps for as long as it is the model's turn; False where nothing is left to do."""
        if self._turns is None:
            return engine.step()
        with Turn(self._turns, self._share, self._clock) as turn:
            while engine.step():
                if self._closing or not turn.goes_on():
                    return True
        return False

    def _bury(self) -> None:
        """An engine is gone."""
        self._living -= 1
        if self._living == 0:
            self._closing = True
            self._all_died()


def _nothing() -> None:
    pass
