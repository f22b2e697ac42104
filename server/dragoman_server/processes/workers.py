"""The front-end processes as the engines' process sees them: starts them and answers their texts.

Owns the processes, the port that they share, and each text of theirs that the engines have. Does
not know grpc's calls: those are a FrontEnd's, in each process.
"""

import asyncio
import functools
import logging
import socket
import sys
from asyncio.subprocess import Process, create_subprocess_exec
from collections.abc import Callable
from typing import Self

from dragoman_server.errors import BackendError, DragomanError
from dragoman_server.monitoring import Ended
from dragoman_server.processes.front_end import FrontEnd
from dragoman_server.processes.link import Link
from dragoman_server.processes.messages import (
    Cancel,
    Drain,
    Drained,
    NotStarted,
    Partial,
    Refused,
    Settled,
    Setup,
    Stalled,
    Started,
    Stop,
    Submit,
)
from dragoman_server.sequence import Completion
from dragoman_server.service import FLUSH_SECONDS, TextQueue, reserve_port

_log = logging.getLogger(__name__)

STOP_SECONDS = FLUSH_SECONDS + 4.0
"""For a process to end once told to; then it is killed."""


def build_front_end(
    setup: Setup, engine: TextQueue, record: Callable[[Ended], None]
) -> "FrontEnd | Workers":
    """Returns what takes the calls: in this process, or in as many others as the settings say."""
    if setup.config.workers:
        return Workers(setup, engine, record)
    return FrontEnd(setup, engine, record)


class Workers:
    """Front ends in `config.workers` processes, which listen on one port.

    Args:
        setup: What each of them is told. A port of 0 is chosen once, for all.
        engine: Translates what they send.
        record: Told how each of their requests ended.
    """

    def __init__(self, setup: Setup, engine: TextQueue, record: Callable[[Ended], None]) -> None:
        self._setup = setup
        self._engine = engine
        self._record = record
        self._workers: list[_Worker] = []

    @property
    def healthy(self) -> bool:
        """Whether every process is alive."""
        return all(not worker.gone for worker in self._workers)

    async def start(self) -> int:
        """Starts the processes; returns the port once all of them serve.

        Raises:
            ConfigError: The port is taken or a TLS file is wrong.
        """
        config = self._setup.config
        with reserve_port(config.host, config.port) as reserved:
            port: int = reserved.getsockname()[1]
            setup = self._setup._replace(config=config.model_copy(update={"port": port}))
            for _ in range(config.workers):
                self._workers.append(await _Worker.spawn(self._engine, self._record))
            for worker in self._workers:
                worker.send(setup)
            started = (worker.started for worker in self._workers)
            for result in await asyncio.gather(*started, return_exceptions=True):
                if result is not None:
                    raise result
        return port

    def tell_stalled(self, *, stalled: bool) -> None:
        """Says that an engine hangs, or hangs no longer."""
        for worker in self._workers:
            worker.send(Stalled(stalled))

    async def drain(self) -> bool:
        """Lets each refuse new requests and answer the accepted ones; False if time ran out."""
        for worker in self._workers:
            worker.send(Drain())
        return all([await worker.drained for worker in self._workers])

    async def close(self) -> None:
        """Ends the processes."""
        for worker in self._workers:
            worker.send(Stop())
        for worker in self._workers:
            await worker.ended()


class _Worker:
    """One front-end process."""

    def __init__(
        self, process: Process, engine: TextQueue, record: Callable[[Ended], None]
    ) -> None:
        loop = asyncio.get_running_loop()
        self.started: asyncio.Future[None] = loop.create_future()
        self.drained: asyncio.Future[bool] = loop.create_future()
        self.gone = False
        self._process = process
        self._engine = engine
        self._record = record
        self._link: Link | None = None
        self._texts: dict[tuple[int, int], asyncio.Future[Completion]] = {}

    @classmethod
    async def spawn(cls, engine: TextQueue, record: Callable[[Ended], None]) -> Self:
        """Starts a process, which then waits for its Setup."""
        ours, theirs = socket.socketpair()
        with theirs:
            # -P: the directory that this process runs in is no place for modules.
            command = [
                sys.executable,
                "-P",
                "-m",
                "dragoman_server.processes.worker",
                str(theirs.fileno()),
            ]
            process = await create_subprocess_exec(*command, pass_fds=[theirs.fileno()])
        worker = cls(process, engine, record)
        worker._link = await Link.open(ours, worker)
        return worker

    def send(self, message: object) -> None:
        """Tells the process something; nobody hears it once that is gone."""
        assert self._link is not None
        self._link.send(message)

    def received(self, message: object) -> None:
        """See link.Reader."""
        match message:
            case Submit():
                self._submit(message)
            case Ended():
                self._record(message)
            case Cancel(request, text):
                if future := self._texts.get((request, text)):
                    future.cancel()
            case Started():
                self.started.set_result(None)
            case NotStarted(error):
                self.started.set_exception(error)
            case Drained(in_time):
                self.drained.set_result(in_time)

    def lost(self) -> None:
        """See link.Reader."""
        self.gone = True
        for future in list(self._texts.values()):
            future.cancel()
        if not self.started.done():
            self.started.set_exception(
                DragomanError("a front-end process ended before it served; the log says why")
            )
        if not self.drained.done():
            self.drained.set_result(False)

    async def ended(self) -> None:
        """Returns once the process, which was told to stop, is gone."""
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await self._process.wait()
        except TimeoutError:
            _log.error("worker_killed", extra={"pid": self._process.pid})
            self._process.kill()
            await self._process.wait()
        if self._link is not None:
            self._link.close()

    def _submit(self, message: Submit) -> None:
        number = message.request
        on_partial = functools.partial(self._tell_partial, number)
        try:
            futures = self._engine.submit(
                message.source_ids,
                message.options,
                on_partial if message.wants_partial else None,
                message.limit,
                message.texts_before,
            )
        except DragomanError as error:
            self.send(Refused(number, error))
            return
        for index, future in enumerate(futures):
            self._texts[number, index] = future
            future.add_done_callback(functools.partial(self._settle, number, index))

    def _tell_partial(self, number: int, token_ids: list[int]) -> None:
        self.send(Partial(number, token_ids))

    def _settle(self, number: int, index: int, future: asyncio.Future[Completion]) -> None:
        del self._texts[number, index]
        if future.cancelled():
            return
        error = future.exception()
        if error is None:
            self.send(Settled(number, index, future.result()))
            return
        if not isinstance(error, DragomanError):
            _log.error("request_failed", exc_info=error)
            error = BackendError("translating failed; the server's log says why")
        self.send(Settled(number, index, error))
