"""A front-end process as the engines' process sees it: what it sends is answered, its end is told.

Owns the process, and each text of its that the engines have. Does not know grpc's calls: those are
a FrontEnd's, in that process.
"""

import asyncio
import functools
import logging
import socket
from asyncio.subprocess import Process, create_subprocess_exec
from collections.abc import Callable
from typing import Self

from dragoman_server.errors import BackendError, DragomanError
from dragoman_server.link import Link, command
from dragoman_server.monitoring import (
    CacheUse,
    CallerEnded,
    Ended,
    GuardUse,
    Reload,
    Report,
    Shortage,
)
from dragoman_server.processes.messages import (
    Cancel,
    Drained,
    ModelSetup,
    NotStarted,
    Partial,
    Prepared,
    Refused,
    Serve,
    Serving,
    Settled,
    Started,
    Stop,
    Submit,
    Told,
)
from dragoman_server.sequence import Completion
from dragoman_server.service import FLUSH_SECONDS, TextQueue

_log = logging.getLogger(__name__)

STOP_SECONDS = FLUSH_SECONDS + 1.0
"""For a process to end once told to; then it is killed."""


class WorkerProcess:
    """One front-end process."""

    def __init__(
        self,
        process: Process,
        engines: Callable[[int], TextQueue],
        record: Callable[[Report], None],
        changed: Callable[[], None],
    ) -> None:
        loop = asyncio.get_running_loop()
        self.started: asyncio.Future[None] = loop.create_future()
        self.drained: asyncio.Future[bool] = loop.create_future()
        self.gone = False
        self.told: str | None = None
        self._is_told_to_stop = False
        self._death: asyncio.Task[None] | None = None
        self._process = process
        self._engines = engines
        self._prepared: dict[int, asyncio.Future[None]] = {}
        self._serving: dict[Serve, asyncio.Future[None]] = {}
        self._record = record
        self._changed = changed
        self._link: Link | None = None
        self._texts: dict[tuple[int, int, int], asyncio.Future[Completion]] = {}

    @classmethod
    async def spawn(
        cls,
        engines: Callable[[int], TextQueue],
        record: Callable[[Report], None],
        changed: Callable[[], None],
    ) -> Self:
        """Starts a process, which then waits for its Setup.

        Args:
            engines: Returns what translates with a version.
            record: Told how each request ended.
            changed: Called when an engine has more or less to do.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            # A session of its own: what a terminal says is said to the engines' process.
            process = await create_subprocess_exec(
                *command("dragoman_server.processes.worker", theirs),
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        worker = cls(process, engines, record, changed)
        worker._link = await Link.open(ours, worker)
        return worker

    def send(self, message: object) -> None:
        """Tells the process something; nobody hears it once that is gone."""
        assert self._link is not None
        self._is_told_to_stop |= isinstance(message, Stop)
        self._link.send(message)

    async def prepare(self, setup: ModelSetup) -> None:
        """Lets it load what serves a version; returns once it has, or is gone.

        Raises:
            DragomanError: It cannot.
        """
        if self.gone:
            return
        self._prepared[setup.number] = asyncio.get_running_loop().create_future()
        self.send(setup)
        await self._prepared[setup.number]

    async def serve(self, serve: Serve) -> None:
        """Lets it serve these versions; returns once it sends no other ones texts, or is gone."""
        if self.gone:
            return
        self._serving[serve] = asyncio.get_running_loop().create_future()
        self.send(serve)
        await self._serving[serve]

    def received(self, message: object) -> None:
        """See link.Reader."""
        match message:
            case Submit():
                self._submit(message)
            case Ended() | CallerEnded() | Shortage() | Reload() | CacheUse() | GuardUse():
                self._record(message)
            case Cancel(model, request, text):
                if future := self._texts.get((model, request, text)):
                    future.cancel()
            case Prepared(number, error):
                _end(self._prepared.pop(number), error)
            case Serving(serve):
                _end(self._serving.pop(serve))
            case Started():
                self.started.set_result(None)
            case NotStarted(error):
                self._is_told_to_stop = True  # it ends by itself, and has said why
                self.started.set_exception(error)
            case Drained(in_time):
                if not self.drained.done():  # who waited for it has given up
                    self.drained.set_result(in_time)
            case Told(signal):
                self.told = signal
                _log.info("worker_told", extra={"pid": self._process.pid, "signal": signal})

    def lost(self) -> None:
        """See link.Reader."""
        self.gone = True
        if not self._is_told_to_stop:
            self._death = asyncio.create_task(self._tell_death())
        for future in list(self._texts.values()):
            future.cancel()
        if not self.started.done():
            self.started.set_exception(
                DragomanError("a front-end process ended before it served; the log says why")
            )
        if not self.drained.done():
            self.drained.set_result(False)
        for awaited in (*self._prepared.values(), *self._serving.values()):
            _end(awaited)

    async def ended(self) -> None:
        """Returns once the process, which was told to stop, is gone."""
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await self._process.wait()
        except TimeoutError:
            self.kill()
            await self._process.wait()
        if self._link is not None:
            self._link.close()

    def kill(self) -> None:
        """Ends the process at once, if it lives."""
        if self._process.returncode is None:
            _log.error("worker_killed", extra={"pid": self._process.pid})
            self._is_told_to_stop = True
            self._process.kill()

    async def _tell_death(self) -> None:
        """Says how the process ended; a negative number is a signal's."""
        code = await self._process.wait()
        _log.error("worker_ended", extra={"pid": self._process.pid, "exit_code": code})

    def _submit(self, message: Submit) -> None:
        model, number = message.model, message.request
        on_partial = functools.partial(self._tell_partial, model, number)
        try:
            futures = self._engines(model).submit(
                message.source_ids,
                message.options,
                on_partial if message.wants_partial else None,
                message.limit,
                message.sender,
                wants_timing=message.wants_timing,
            )
        except DragomanError as error:
            self.send(Refused(model, number, error))
            return
        for index, future in enumerate(futures):
            self._texts[model, number, index] = future
            future.add_done_callback(functools.partial(self._settle, model, number, index))
        self._changed()

    def _tell_partial(self, model: int, number: int, text: int, token_ids: list[int]) -> None:
        self.send(Partial(model, number, text, token_ids))

    def _settle(
        self, model: int, number: int, index: int, future: asyncio.Future[Completion]
    ) -> None:
        del self._texts[model, number, index]
        self._changed()
        if future.cancelled():
            return
        error = future.exception()
        if error is None:
            self.send(Settled(model, number, index, future.result()))
            return
        if not isinstance(error, DragomanError):
            _log.error("request_failed", exc_info=error)
            error = BackendError("translating failed; the server's log says why")
        self.send(Settled(model, number, index, error))


def _end(awaited: asyncio.Future[None], error: DragomanError | None = None) -> None:
    """Ends the wait for an answer, if anybody still waits."""
    if awaited.done():
        return
    if error is None:
        awaited.set_result(None)
    else:
        awaited.set_exception(error)
