"""A front-end process: started by workers.py, lives until it is told to stop.

    python -m dragoman_server.processes.worker FD

FD is its end of a socket pair. Knows the front end and the messages. Does not know the engines.
"""

import asyncio
import logging
import socket
import sys

import uvloop

from dragoman_server.errors import DragomanError
from dragoman_server.link import Link
from dragoman_server.memory import keep_loaded
from dragoman_server.monitoring import STDERR, LineWriter, configure_logging
from dragoman_server.processes.front_end import FrontEnd
from dragoman_server.processes.messages import (
    Drain,
    Drained,
    Failures,
    ModelSetup,
    NotStarted,
    Partial,
    Prepared,
    Refused,
    Serve,
    Serving,
    Settled,
    Setup,
    Stalled,
    Started,
    State,
    Stop,
    Told,
)
from dragoman_server.processes.remote_engine import RemoteEngine
from dragoman_server.processes.tally import Tally
from dragoman_server.signals import DRAIN, LEAVE, ignore_all

_log = logging.getLogger("dragoman_server.processes.worker")  # as a program it is __main__


class Worker:
    """Does what the engines' process says, in that order; what is for the engine goes past it."""

    def __init__(self) -> None:
        self._engines: dict[int, RemoteEngine] = {}
        """By the numbers of the versions."""
        self._orders: asyncio.Queue[object] = asyncio.Queue()
        self._link: Link | None = None
        self._tally = Tally(self._send)

    def received(self, message: object) -> None:
        """See link.Reader."""
        if isinstance(message, Settled | Partial | Refused):
            if engine := self._engines.get(message.model):
                engine.receive(message)
        elif isinstance(message, State):
            for number, outlook in message.outlooks.items():
                if engine := self._engines.get(number):
                    engine.look(outlook)
        else:
            self._orders.put_nowait(message)

    def lost(self) -> None:
        """See link.Reader."""
        self._close_engines()
        self._orders.put_nowait(None)

    async def run(self, end: socket.socket) -> int:
        """Serves until told to stop; returns 1 where the engines' process is gone before."""
        self._link = await Link.open(end, self)
        self._pass_on_signals()
        front_end: FrontEnd | None = None
        try:
            while (order := await self._orders.get()) is not None:
                match order:
                    case Setup():
                        front_end = self._build(order)
                        await front_end.start()
                        self._send(Started())
                    case ModelSetup(number):
                        assert front_end is not None
                        self._send(Prepared(number, await self._prepared(front_end, order)))
                    case Serve():
                        assert front_end is not None
                        await self._serve(front_end, order)
                    case Stalled(stalled):
                        assert front_end is not None
                        front_end.tell_stalled(stalled=stalled)
                    case Failures(failures):
                        assert front_end is not None
                        front_end.tell_failures(failures)
                    case Drain():
                        assert front_end is not None
                        in_time = await front_end.drain()
                        self._tally.flush()
                        self._send(Drained(in_time))
                    case Stop():
                        return 0
        except DragomanError as error:
            self._send(NotStarted(error))
            return 1
        finally:
            self._close_engines()
            if front_end is not None:
                await front_end.close()
            self._tally.flush()
            self._link.close()
        _log.error("engines_gone")
        return 1

    def _pass_on_signals(self) -> None:
        """Lets the engines' process say what they mean: this one is a part of it."""
        loop = asyncio.get_running_loop()
        for number in (*DRAIN, *LEAVE):
            loop.add_signal_handler(number, self._send, Told(number.name))

    def _build(self, setup: Setup) -> FrontEnd:
        configure_logging(setup.config.log_level, setup.config.log_format, LineWriter(STDERR))
        front_end = FrontEnd(setup, self._engine, self._tally.record, shares_port=True)
        keep_loaded()
        return front_end

    def _engine(self, number: int) -> RemoteEngine:
        """Returns what stands for the engines of a version."""
        if number not in self._engines:
            self._engines[number] = RemoteEngine(number, self._send)
        return self._engines[number]

    async def _prepared(self, front_end: FrontEnd, setup: ModelSetup) -> DragomanError | None:
        """Gets ready to serve a version; returns why it cannot."""
        try:
            await front_end.prepare(setup)
        except DragomanError as error:
            return error
        return None

    async def _serve(self, front_end: FrontEnd, serve: Serve) -> None:
        await front_end.serve(serve)
        self._send(Serving(serve))
        for number in set(self._engines) - set(serve.numbers):
            if self._engines[number].is_idle:
                del self._engines[number]

    def _close_engines(self) -> None:
        for engine in self._engines.values():
            engine.close()

    def _send(self, message: object) -> None:
        assert self._link is not None
        self._link.send(message)


async def _run(end: socket.socket) -> int:
    return await Worker().run(end)


def main(argv: list[str]) -> int:
    """Runs a worker on the socket whose descriptor is given."""
    ignore_all()
    try:
        return uvloop.run(_run(socket.socket(fileno=int(argv[0]))))
    except Exception:  # noqa: BLE001  whatever it is, it is the end
        _log.critical("worker_failed", exc_info=True)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
