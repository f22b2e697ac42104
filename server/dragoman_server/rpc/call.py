"""One call on the event loop: its messages, its deadline, its end.

A `WireCall` owns what it has under way in the core; local.py has the calls of the server itself.
Does not know methods, nor what a message says.
"""

import asyncio
import math
import time
from abc import ABC, abstractmethod
from typing import NamedTuple

from dragoman_server.rpc import core
from dragoman_server.rpc.status import OK, Status

NATIVE = "dragoman"
"""The interface that is the server's own."""

MESSAGE_BYTES = 256
"""That a message of a stream may have around it, and its answer's acknowledgements."""


class Caller(NamedTuple):
    """Who makes a call that nobody has read yet."""

    peer: str
    """The other end of the connection, as in `ipv4:127.0.0.1:41234`."""
    seconds: float | None
    """Until the call's deadline; None where it has none."""
    calls_before: int
    """Let in, whose handlers have not begun yet."""
    own_calls: int
    """Open on the connection, without this one."""
    open_calls: int
    """On all connections."""
    identity: object = None
    """What the method's `identify` made of it."""
    trace: object = None
    """What the method's `trace` made of the call's metadata."""
    interface: str = NATIVE
    """Through which interface of the server it comes."""


class Call(ABC):
    """What a handler is given.

    Args:
        caller: Who makes it.
    """

    def __init__(self, caller: Caller) -> None:
        self.peer = caller.peer
        self.identity = caller.identity
        self.trace = caller.trace
        self.interface = caller.interface
        self.request: object = None
        """Of a unary call: what its method's reader made of the message."""
        self.is_over = False
        """Whether it has its status or was cancelled."""
        self.arrived_at = time.monotonic()
        seconds = caller.seconds
        self.deadline = math.inf if seconds is None else self.arrived_at + seconds
        """In seconds of time.monotonic; inf where there is none."""

    def time_remaining(self) -> float | None:
        """Returns the seconds until the deadline, None where there is none."""
        if self.deadline == math.inf:
            return None
        return max(self.deadline - time.monotonic(), 0.0)

    @abstractmethod
    async def read(self) -> bytes | None:
        """Returns the next message; None where none comes any more."""

    @abstractmethod
    async def write(self, message: bytes) -> None:
        """Sends a message, as soon as the client takes it."""

    @abstractmethod
    def finish(self, status: Status = OK, message: bytes | None = None) -> None:
        """Sends the last message, where there is one, and the status; later ones are ignored."""


class WireCall(Call):
    """A call that came over the wire.

    Args:
        inner: The call in the core.
        caller: Who makes it.
        header_bytes: Of its headers.
    """

    def __init__(self, inner: core.CoreCall, caller: Caller, header_bytes: int) -> None:
        super().__init__(caller)
        self._inner = inner
        self._message: asyncio.Future[bytes | None] | None = None
        self._written: asyncio.Future[None] | None = None
        self._has_begun = False
        self.ended_at: float | None = None
        """When it got its status; the client may not have taken that yet."""
        self._forgiven = 0.0
        """Seconds of its wait that count for nothing."""
        self.header_bytes = header_bytes
        self.received_bytes = 0
        """Of its messages."""
        self.has_request = False
        """Whether its first message was let in, or it is a stream."""
        self.task: asyncio.Task[None] | None = None
        """What answers it."""

    @property
    def waits_since(self) -> float:
        """When it began to wait for its client: for its message, or for its end to be taken.

        inf while it waits for nothing of the kind.
        """
        if self.is_over:
            since = math.inf if self.ended_at is None else self.ended_at
        else:
            since = math.inf if self.has_request else self.arrived_at
        return since + self._forgiven

    def forgive(self, seconds: float) -> None:
        """The server stood still for so long: its client could do nothing about it."""
        self._forgiven += seconds

    async def read(self) -> bytes | None:
        """See Call."""
        if self._message is None:
            self._message = asyncio.get_running_loop().create_future()
            self._inner.start_server_batch((core.receive_message(),), self._on_message)
        message = await self._message
        self._message = None
        return message

    async def write(self, message: bytes) -> None:
        """See Call."""
        if self.is_over:
            raise asyncio.CancelledError
        self._written = asyncio.get_running_loop().create_future()
        operations = (*self._beginning(), core.send_message(message))
        self._inner.start_server_batch(operations, self._on_written)
        await self._written

    def finish(self, status: Status = OK, message: bytes | None = None) -> None:
        """See Call."""
        if self.is_over:
            return
        self.is_over = True
        self.ended_at, self._forgiven = time.monotonic(), 0.0
        operations = self._beginning()
        if message is not None:
            operations = (*operations, core.send_message(message))
        self._inner.start_server_batch((*operations, core.send_status(status)), None)

    def drop(self) -> None:
        """Ends a call whose client does not take its end."""
        core.cancel(self._inner)

    def cancelled(self) -> None:
        """The client gave up, or did not take the end."""
        self.is_over = True
        if self.task is not None:
            self.task.cancel()

    def _beginning(self) -> tuple[core.Operation, ...]:
        if self._has_begun:
            return ()
        self._has_begun = True
        return (core.send_headers(),)

    def _on_message(self, event: core.Event) -> None:
        message = core.message_of(event)
        self.received_bytes += len(message or b"") + MESSAGE_BYTES
        if self._message is not None and not self._message.done():
            self._message.set_result(message)

    def _on_written(self, event: core.Event) -> None:  # noqa: ARG002  success or not: see `cancelled`
        if self._written is not None and not self._written.done():
            self._written.set_result(None)
