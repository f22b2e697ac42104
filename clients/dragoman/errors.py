"""What can go wrong with a call, as exceptions.

    DragomanError
    ├── InvalidArgumentError    a field has a value that is not allowed; do not send it again
    ├── NotFoundError           no such model or language pair
    ├── AuthenticationError     the server wants other credentials
    ├── QueueFullError          no room for the texts; see `retry_after`
    ├── UnavailableError        the server is starting or draining; try again
    │   └── ConnectError        no server could be reached
    ├── DeadlineExceededError   no answer within the timeout, or none possible
    ├── CallCancelledError      the call was cancelled before it ended
    ├── UsageError              the client is closed, or belongs to another event loop
    └── ServerError             anything else: a fault of the server, or not a Dragoman server

Knows what each kind carries, not how it is read off the wire: that is status.py.
"""

from collections.abc import Mapping
from typing import NamedTuple

import grpc


class FieldViolation(NamedTuple):
    """One wrong field of a request."""

    field: str
    """Path of the field, for example `contents[3]` or `options.beam_size`."""

    description: str
    """What was given and what is allowed."""

    reason: str = ""
    """UPPER_SNAKE name of the rule that it breaks; may be empty."""


class DragomanError(Exception):
    """Root of all errors that a call raises; its text is meant for the user.

    Attributes:
        code: The gRPC status code.
        reason: UPPER_SNAKE name of the cause, stable enough to be compared; empty where the
            server gave none.
        metadata: What else the server said about the cause.
    """

    code = grpc.StatusCode.UNKNOWN

    def __init__(
        self,
        message: str,
        *,
        code: grpc.StatusCode | None = None,
        reason: str = "",
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code or self.code
        self.reason = reason
        self.metadata = dict(metadata or {})


class InvalidArgumentError(DragomanError):
    """An argument cannot be sent, or a field of the request has a value that is not allowed.

    Attributes:
        violations: Each wrong field; may be empty.
    """

    code = grpc.StatusCode.INVALID_ARGUMENT
    violations: tuple[FieldViolation, ...] = ()


class NotFoundError(DragomanError):
    """The server has no such model, or the model no such language pair."""

    code = grpc.StatusCode.NOT_FOUND


class AuthenticationError(DragomanError):
    """The server does not accept the credentials, or not for this call."""

    code = grpc.StatusCode.UNAUTHENTICATED


class QueueFullError(DragomanError):
    """The server has no room for the texts now.

    Attributes:
        retry_after: Seconds after which the server thinks it sensible to try again; None where
            it did not say.
    """

    code = grpc.StatusCode.RESOURCE_EXHAUSTED
    retry_after: float | None = None


class UnavailableError(DragomanError):
    """The server is not ready yet, or is draining and takes no new texts."""

    code = grpc.StatusCode.UNAVAILABLE


class ConnectError(UnavailableError):
    """No server could be reached, or the connection to it broke; `reason` says which.

    UNREACHABLE: nobody is there. NOT_READY: a server is, which starts or drains. TLS_FAILED: it
    speaks no TLS, or has the wrong certificate. CONNECTION_BROKEN: the server went away during the
    call, or what is between.
    """


class DeadlineExceededError(DragomanError):
    """The answer did not come within the timeout, or cannot, as the server says (WOULD_EXPIRE).

    Attributes:
        retry_after: As in QueueFullError, where the server said that it cannot.
    """

    code = grpc.StatusCode.DEADLINE_EXCEEDED
    retry_after: float | None = None


class CallCancelledError(DragomanError):
    """The call was cancelled before it ended."""

    code = grpc.StatusCode.CANCELLED


class UsageError(DragomanError):
    """The client cannot be used any more, or not here; `reason` says which.

    CLIENT_CLOSED: it was closed. OTHER_EVENT_LOOP: an AsyncClient belongs to the event loop of its
    first call.
    """

    code = grpc.StatusCode.FAILED_PRECONDITION


class ServerError(DragomanError):
    """The server failed through no fault of the request, or is not a Dragoman server."""
