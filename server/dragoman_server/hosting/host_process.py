"""A process with engines as the owner of the queue sees it: started, told things, and gone.

Owns the process and the socket. Does not know what engines do.
"""

import asyncio
import logging
import socket
import subprocess
from collections.abc import Callable
from typing import Self

from dragoman_server.errors import ConfigError, DragomanError
from dragoman_server.hosting.messages import Failed, Load, Prepare, Prepared, Report, Stop, Try
from dragoman_server.link import Link, Unpacker, command, pack

_log = logging.getLogger(__name__)

STOP_SECONDS = 1.0
"""For a process to end once told to; then it is killed."""

_BYTES = 1 << 16


class HostProcess:
    """Used by any thread until it has loaded, then on one event loop."""

    def __init__(self, process: subprocess.Popen[bytes], end: socket.socket) -> None:
        self._process = process
        self._end = end
        self._link: Link | None = None
        self._prepared: asyncio.Future[None] | None = None
        self._report: Callable[[Report], None] = _nobody_listens
        self._died: Callable[[], None] = _nothing
        self._is_told_to_stop = False
        self._is_lost = asyncio.Event()
        self.lives = True

    @classmethod
    def spawn(cls) -> Self:
        """Starts a process, which then waits for its Load.

        Raises:
            ConfigError: There is no room for one.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                # A group of its own: what a terminal says is said to the owner of the queue. No
                # session of its own: Linux may give each an equal share of the cores, and engines
                # would not give way to the owner (sched_autogroup_enabled).
                process = subprocess.Popen(  # noqa: S603  our own module
                    command("dragoman_server.hosting.host", theirs),
                    pass_fds=[theirs.fileno()],
                    process_group=0,
                )
            except OSError as error:
                ours.close()
                raise ConfigError(
                    f"a process for engines cannot be started: {error.strerror}; set fewer "
                    "engine_processes"
                ) from error
        return cls(process, ours)

    def tell(self, message: Load | Try) -> None:
        """Tells it something before it is started, and waits for nothing."""
        self._end.sendall(pack([message]))

    def answer(self) -> object:
        """Blocks until it has answered what it was told.

        Raises:
            DragomanError: It cannot do it, or is gone.
        """
        unpacker = Unpacker()
        while data := self._end.recv(_BYTES):
            for message in unpacker.feed(data):
                if isinstance(message, Failed):
                    raise message.error
                return message
        raise _gone()

    async def start(self, report: Callable[[Report], None], died: Callable[[], None]) -> None:
        """Starts its engines; returns once they are prepared.

        Args:
            report: Told what its engines did.
            died: Called when it is gone though nobody told it to stop.

        Raises:
            DragomanError: One cannot be prepared.
        """
        self._report, self._died = report, died
        self._prepared = asyncio.get_running_loop().create_future()
        self._link = await Link.open(self._end, self)
        self.send(Prepare())
        await self._prepared

    def send(self, message: object) -> None:
        """Tells the process something; nobody hears it once that is gone."""
        assert self._link is not None
        self._link.send(message)

    def received(self, message: object) -> None:
        """See link.Reader."""
        assert self._prepared is not None
        match message:
            case Report():
                self._report(message)
            case Prepared():
                self._prepared.set_result(None)
            case Failed(error):
                self._prepared.set_exception(error)

    def lost(self) -> None:
        """See link.Reader."""
        self.lives = False
        self._is_lost.set()
        if self._prepared is not None and not self._prepared.done():
            self._prepared.set_exception(_gone())
        if not self._is_told_to_stop:
            _log.error("engine_process_ended", extra={"pid": self._process.pid})
            self._died()

    def stop(self) -> None:
        """Tells it to end."""
        self._is_told_to_stop = True
        if self._link is None:
            self._end.close()
            return
        self.send(Stop())

    async def ended(self) -> None:
        """Returns once the process, which was told to stop, is gone, and has told all it did."""
        await asyncio.to_thread(self.kill, STOP_SECONDS)
        if self._link is not None:
            await self._is_lost.wait()
        self._report, self._died = _nobody_listens, _nothing

    def kill(self, seconds: float = 0.0) -> None:
        """Ends the process, which has so long to end by itself."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _gone() -> DragomanError:
    return DragomanError("a process with engines ended before it was ready; the log says why")


def _nothing() -> None:
    pass


def _nobody_listens(_: Report) -> None:
    pass
