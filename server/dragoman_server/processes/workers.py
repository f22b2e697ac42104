"""The front-end processes together: starts them on one port, drains and ends them.

Does not know what they and the engines tell each other: that is worker_process.py's to know.
"""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Protocol

from dragoman_server.engine import Outlook
from dragoman_server.monitoring import Report
from dragoman_server.processes.front_end import LINGER_SECONDS, FrontEnd
from dragoman_server.processes.messages import (
    Drain,
    Failures,
    ModelSetup,
    Serve,
    Setup,
    Stalled,
    State,
    Stop,
)
from dragoman_server.processes.shortages import ShortageWatch
from dragoman_server.processes.worker_process import WorkerProcess
from dragoman_server.service import TextQueue, reserve_port

ANSWER_SECONDS = LINGER_SECONDS + 1.0
"""For a process to say, after the time for draining, whether it was enough."""


TELL_SECONDS = 0.005
"""Between two outlooks that front ends are told. They count what they send meanwhile."""


class Engines(TextQueue, Protocol):
    """What is needed of an AsyncEngine."""

    def outlook(self) -> Outlook | None:
        """Returns what a request would find that came now."""


def build_front_end(
    setup: Setup,
    engines: Callable[[int], Engines],
    record: Callable[[Report], None],
) -> "FrontEnd | Workers":
    """Returns what takes the calls: in this process, or in as many others as the settings say."""
    if setup.config.workers:
        return Workers(setup, engines, record)
    return FrontEnd(setup, engines, record)


class Workers:
    """Front ends in `config.workers` processes, which listen on one port.

    Args:
        setup: What each of them is told. A port of 0 is chosen once, for all.
        engines: Returns what translates with a version.
        record: Told how each of their requests ended, and what there is too little of.

    Attributes:
        http_port: Port that HTTP listens on, once started; None where it does not.
    """

    def __init__(
        self,
        setup: Setup,
        engines: Callable[[int], Engines],
        record: Callable[[Report], None],
    ) -> None:
        self._setup = setup
        self._engines = engines
        self._serve = setup.serve
        self._record = record
        self._workers: list[WorkerProcess] = []
        self._telling: asyncio.TimerHandle | None = None
        self._watching: asyncio.Task[None] | None = None
        self.http_port = setup.config.http_port

    @property
    def access(self) -> None:
        """None in this process: each of them has its own."""

    @property
    def healthy(self) -> bool:
        """Whether every process is alive."""
        return all(not worker.gone for worker in self._workers)

    @property
    def told(self) -> str | None:
        """Name of the signal by which a process was told to end, if one was."""
        return next((worker.told for worker in self._workers if worker.told), None)

    async def start(self) -> int:
        """Starts the processes; returns the port once all of them serve.

        Raises:
            ConfigError: The port is taken or a TLS file is wrong.
        """
        config = self._setup.config
        watch = ShortageWatch(self._record, connections=None)
        self._watching = asyncio.create_task(watch.run())
        with ExitStack() as reserved:
            kept = reserved.enter_context(reserve_port(config.host, config.port))
            port: int = kept.getsockname()[1]
            if config.http_port is not None:
                http = reserve_port(config.http_host, config.http_port, server="HTTP")
                self.http_port = reserved.enter_context(http).getsockname()[1]
            ports = {"port": port, "http_port": self.http_port}
            setup = self._setup._replace(config=config.model_copy(update=ports))
            for _ in range(config.workers):
                self._workers.append(
                    await WorkerProcess.spawn(self._engines, self._record, self._tell_outlook_soon)
                )
            for worker in self._workers:
                worker.send(setup)
            started = (worker.started for worker in self._workers)
            for result in await asyncio.gather(*started, return_exceptions=True):
                if result is not None:
                    raise result
        return port

    async def prepare(self, setup: ModelSetup) -> None:
        """Lets each load what it takes to serve a version, beside its engines.

        Raises:
            DragomanError: One cannot.
        """
        await asyncio.gather(*(worker.prepare(setup) for worker in self._workers))

    async def serve(self, serve: Serve) -> None:
        """Lets all serve these versions; returns once no other one gets any more texts."""
        self._serve = serve
        await asyncio.gather(*(worker.serve(serve) for worker in self._workers))

    def tell_stalled(self, *, stalled: bool) -> None:
        """Says that an engine hangs, or hangs no longer."""
        for worker in self._workers:
            worker.send(Stalled(stalled))

    def tell_failures(self, failures: Mapping[str, str]) -> None:
        """Says which bundles are not served from now on, and why."""
        for worker in self._workers:
            worker.send(Failures(failures))

    def _tell_outlook_soon(self) -> None:
        if self._telling is None:
            loop = asyncio.get_running_loop()
            self._telling = loop.call_later(TELL_SECONDS, self._tell_outlook)

    def _tell_outlook(self) -> None:
        self._telling = None
        outlooks = {number: self._engines(number).outlook() for number in self._serve.numbers}
        for worker in self._workers:
            worker.send(State(outlooks))
        if any(outlook is not None and not outlook.is_idle for outlook in outlooks.values()):
            self._tell_outlook_soon()

    async def drain(self) -> bool:
        """Lets each refuse new requests and answer the accepted ones; False if time ran out.

        A process that does not even say so in time is killed.
        """
        for worker in self._workers:
            worker.send(Drain())
        answers = asyncio.gather(*(worker.drained for worker in self._workers))
        try:
            async with asyncio.timeout(self._setup.config.drain_timeout_seconds + ANSWER_SECONDS):
                return all(await answers)
        except TimeoutError:
            for worker in self._workers:
                if worker.drained.cancelled():  # as the wait for it was
                    worker.kill()
            return False

    async def close(self) -> None:
        """Ends the processes."""
        if self._telling is not None:
            self._telling.cancel()
        if self._watching is not None:
            self._watching.cancel()
        for worker in self._workers:
            worker.send(Stop())
        await asyncio.gather(*(worker.ended() for worker in self._workers))

    def kill(self) -> None:
        """Ends the processes at once."""
        for worker in self._workers:
            worker.kill()
