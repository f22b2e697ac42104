"""The one door to gRPC's core: what `grpc.server` uses of grpcio's extension module, typed.

Knows operations and events of the core. Does not know what is done with them.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol, TypeAlias, cast

import grpc
from grpc._cython import cygrpc  # type: ignore[attr-defined]

from dragoman_server.rpc.status import OK, Status

Operation: TypeAlias = Any
Trailers: TypeAlias = Sequence[tuple[str, str | bytes]]
Tag: TypeAlias = "Callable[[Event], None] | None"
"""Whom an event is for; None where nobody wants to know."""

_NO_FLAGS = 0

_FOREVER_SECONDS = 1e9
"""The core says of a call without a deadline that it is due in the far future."""

_LONG_AGO = 1.0
"""Seconds since the epoch, in place of a deadline: not to wait."""

_OPERATION_COMPLETE = cygrpc.CompletionType.operation_complete

_CODES = {code: code.value[0] for code in grpc.StatusCode}


class CoreCall(Protocol):
    """A call in the core."""

    def start_server_batch(self, operations: Iterable[Operation], tag: Tag) -> None:
        """Starts operations; an event with the tag tells that all of them are done."""

    def cancel(self, code: int, details: str) -> None:
        """Ends it at once, whatever is under way."""

    def peer(self) -> bytes | str:
        """Returns the client's address, as in `ipv4:127.0.0.1:41234`."""


class CallDetails(Protocol):
    """What a call begins with."""

    method: bytes
    """As in `/package.Service/Method`; whatever the client sent."""
    deadline: float
    """Seconds since the epoch."""


class Event(Protocol):
    """What came out of the completion queue."""

    completion_type: int
    success: bool
    """False for a call that was asked for and never came, as the server stopped."""
    tag: Tag
    call: CoreCall
    """Only of calls that came."""
    call_details: CallDetails
    """Likewise."""
    invocation_metadata: Sequence[tuple[str, str | bytes]]
    """Likewise: its headers, but for those that HTTP/2 and gRPC need; values are bytes where the
    name ends in `-bin`."""
    batch_operations: Sequence[Operation]
    """Of the batches that are done."""


class Core:
    """A server of the core with its completion queue."""

    def __init__(self, options: Iterable[tuple[str, int]]) -> None:
        self._queue = cygrpc.CompletionQueue()
        self._server = cygrpc.Server(tuple(options), False)
        self._server.register_completion_queue(self._queue)
        self._shuts_down = False

    def add_port(self, address: str, credentials: grpc.ServerCredentials | None) -> int:
        """Returns the port that is listened on, 0 where it cannot be."""
        if credentials is None:
            return int(self._server.add_http2_port(address.encode()))
        # grpc.ServerCredentials are a Python object around the core's own.
        inner = credentials._credentials  # type: ignore[attr-defined]  # noqa: SLF001
        return int(self._server.add_http2_port(address.encode(), inner))

    def start(self) -> None:
        """Takes connections from now on."""
        self._server.start()

    def request_call(self, tag: Tag) -> None:
        """Asks for one call, which comes as an event with the tag; not once it shuts down."""
        if not self._shuts_down:
            self._server.request_call(self._queue, self._queue, tag)

    def next_event(self) -> Event | None:
        """Blocks until something happens; returns None once the queue has shut down."""
        event = self._queue.poll()
        if event.completion_type == cygrpc.CompletionType.queue_shutdown:
            return None
        return cast("Event", event)

    def ready_event(self) -> Event | None:
        """Returns what has happened; None where nothing has, or the queue has shut down."""
        event = self._queue.poll(deadline=_LONG_AGO)
        if event.completion_type != _OPERATION_COMPLETE:
            return None
        return cast("Event", event)

    def shut_down(self, tag: Tag) -> None:
        """Takes no more calls; an event with the tag tells that the last one has ended."""
        self._shuts_down = True
        self._server.shutdown(self._queue, tag)

    def cancel_all_calls(self) -> None:
        """Ends all calls."""
        self._server.cancel_all_calls()

    def close(self) -> None:
        """Frees the server, which has shut down, and lets the queue run empty."""
        self._server.destroy()
        self._queue.shutdown()


def receive_close() -> Operation:
    """Returns an operation that is done when the call is over."""
    return cygrpc.ReceiveCloseOnServerOperation(_NO_FLAGS)


def receive_message() -> Operation:
    """Returns an operation that is done when a message has come, or none ever will."""
    return cygrpc.ReceiveMessageOperation(_NO_FLAGS)


def send_headers() -> Operation:
    """Returns an operation that begins an answer."""
    return cygrpc.SendInitialMetadataOperation(None, _NO_FLAGS)


def send_message(message: bytes) -> Operation:
    """Returns an operation that sends a message."""
    return cygrpc.SendMessageOperation(message, _NO_FLAGS)


def send_status(status: Status = OK) -> Operation:
    """Returns an operation that ends the call."""
    return cygrpc.SendStatusFromServerOperation(
        status.trailers, _CODES[status.code], status.details.encode(), _NO_FLAGS
    )


def refuse(call: CoreCall, status: Status, tag: Tag) -> None:
    """Ends a call that nobody has read; an event with the tag tells that it is over."""
    call.start_server_batch((receive_close(), send_headers(), send_status(status)), tag)


def cancel(call: CoreCall) -> None:
    """Ends a call at once."""
    call.cancel(_CODES[grpc.StatusCode.CANCELLED], "the server gave up")


def peer_of(call: CoreCall) -> str:
    """Returns the other end of the connection, as in `ipv4:127.0.0.1:41234`."""
    peer = call.peer()
    return peer if isinstance(peer, str) else peer.decode(errors="replace")


class Presented:
    """What a call shows of who makes it; nothing of it is read before somebody asks."""

    def __init__(self, event: Event) -> None:
        self._event = event

    def headers(self) -> Sequence[tuple[str, str | bytes]]:
        """Returns its metadata."""
        return self._event.invocation_metadata

    def certificate_names(self) -> Sequence[str]:
        """Returns the URI and DNS names of the client's certificate, else its common name.

        Empty where the connection was made without one.
        """
        shown = cygrpc.auth_context(self._event.call) or {}
        names = [*shown.get(b"peer_uri", ()), *shown.get(b"peer_dns", ())]
        if not names:
            names = [*shown.get(b"x509_common_name", ())]
        return [name.decode(errors="replace") for name in names]


def header_bytes(event: Event) -> int:
    """Returns the bytes of the headers of a call that came."""
    return sum([len(name) + len(value) for name, value in event.invocation_metadata])


def was_cancelled(event: Event) -> bool:
    """Whether the call, whose `receive_close` is done, ended before it had its status."""
    return bool(event.batch_operations[0].cancelled())


def message_of(event: Event) -> bytes | None:
    """Returns what `receive_message` brought; None where no further message comes."""
    message: bytes | None = event.batch_operations[0].message()
    return message


def seconds_left(details: CallDetails) -> float | None:
    """Returns the seconds until a call's deadline; None where it has none."""
    left = details.deadline - time.time()
    return None if left > _FOREVER_SECONDS else left
