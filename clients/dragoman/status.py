"""Turns what gRPC reports into the exceptions of errors.py.

Knows google.rpc.Status and its details, and which status code is which exception. Does not know
what is retried.
"""

from dataclasses import dataclass, field
from typing import cast

import grpc
from google.rpc import (  # type: ignore[import-untyped]  # it has .pyi files but no py.typed
    code_pb2,
    error_details_pb2,
    status_pb2,
)
from grpc_status import rpc_status

from dragoman.errors import (
    AuthenticationError,
    CallCancelledError,
    ConnectError,
    DeadlineExceededError,
    DragomanError,
    FieldViolation,
    InvalidArgumentError,
    NotFoundError,
    QueueFullError,
    ServerError,
    UnavailableError,
)
from dragoman.target import Target
from dragoman.unreached import explain, is_wrong_host

_ERRORS: dict[int, type[DragomanError]] = {
    code_pb2.INVALID_ARGUMENT: InvalidArgumentError,
    code_pb2.NOT_FOUND: NotFoundError,
    code_pb2.UNAUTHENTICATED: AuthenticationError,
    code_pb2.PERMISSION_DENIED: AuthenticationError,
    code_pb2.RESOURCE_EXHAUSTED: QueueFullError,
    code_pb2.UNAVAILABLE: UnavailableError,
    code_pb2.DEADLINE_EXCEEDED: DeadlineExceededError,
    code_pb2.CANCELLED: CallCancelledError,
}
"""Every other code is a ServerError."""

_WRITE_FAILED = "Internal error from Core"
"""grpc.aio puts this in place of the real status when a stream ends while it is written to
(github.com/grpc/grpc/issues/36066). A cause that lasts shows when the stream is opened again."""

_TOO_LARGE = "message larger than max"
"""gRPC says so with RESOURCE_EXHAUSTED, but trying again would not help."""

_REFUSED_STREAM = "RST_STREAM with error code 7"
"""HTTP/2's REFUSED_STREAM, of which gRPC makes UNAVAILABLE: nobody has looked at the call."""

_CODES: dict[int, grpc.StatusCode] = {code.value[0]: code for code in grpc.StatusCode}


@dataclass
class _Details:
    """The parts of Status.details that this client reads."""

    cause: error_details_pb2.ErrorInfo | None = None
    violations: list[FieldViolation] = field(default_factory=list)
    retry_after: float | None = None


def error_from_status(status: status_pb2.Status) -> DragomanError:
    """Returns the exception for a status, as the answer to one text of a stream carries it."""
    details = _read_details(status)
    cause = details.cause or error_details_pb2.ErrorInfo()
    error = _ERRORS.get(status.code, ServerError)(
        _message(status, details.violations),
        code=_CODES.get(status.code),
        reason=cause.reason,
        metadata=cause.metadata,
    )
    if isinstance(error, InvalidArgumentError):
        error.violations = tuple(details.violations)
    if isinstance(error, QueueFullError):
        error.retry_after = details.retry_after
    return error


def error_from_rpc(rpc_error: grpc.RpcError, target: Target) -> DragomanError:
    """Returns the exception for a failed call to the server at `target`."""
    status = _status_of(rpc_error)
    if status.code == code_pb2.INTERNAL and status.message == _WRITE_FAILED:
        return ConnectError(
            f"the connection to the server at {target} broke while texts were sent",
            reason="CONNECTION_BROKEN",
        )
    if status.code == code_pb2.RESOURCE_EXHAUSTED and _TOO_LARGE in status.message.lower():
        return InvalidArgumentError(
            f"the server takes no message so large: {status.message}", reason="MESSAGE_TOO_LARGE"
        )
    if not status.details:
        if status.code == code_pb2.UNAVAILABLE and _REFUSED_STREAM in status.message:
            return QueueFullError(
                f"the server at {target} takes no more calls of this connection now",
                reason="TOO_MANY_CALLS",
            )
        if status.code == code_pb2.UNAVAILABLE:
            reason, message = explain(status.message, target)
            return ConnectError(message, reason=reason)
        if status.code == code_pb2.UNAUTHENTICATED and is_wrong_host(status.message):
            wrong_host = f"no TLS with the server at {target}: its certificate is not for this host"
            return ConnectError(f"{wrong_host} ({status.message})", reason="TLS_FAILED")
        _explain(status, target)
    return error_from_status(status)


def error_from_answer(error: Exception) -> DragomanError:
    """Returns the exception for an answer that could not be read."""
    if isinstance(error, DragomanError):
        return error
    unreadable = ServerError(f"an answer of the server cannot be read: {error!r}")
    unreadable.__cause__ = error
    return unreadable


def in_whole_list(error: DragomanError, offset: int) -> DragomanError:
    """Corrects the indices in an error about a part of a list that starts at `offset`."""
    if not offset or not isinstance(error, InvalidArgumentError) or not error.violations:
        return error
    violations = [_moved(violation, offset) for violation in error.violations]
    moved = InvalidArgumentError(_join(violations), reason=error.reason, metadata=error.metadata)
    moved.violations = tuple(violations)
    return moved


def _status_of(rpc_error: grpc.RpcError) -> status_pb2.Status:
    """Returns the rich status of a failed call, or a plain one where the server sent none."""
    plain = status_pb2.Status(code=rpc_error.code().value[0], message=rpc_error.details() or "")
    try:
        # Both clients' errors have the three methods of grpc.Call that from_call uses.
        rich = rpc_status.from_call(cast("grpc.Call", rpc_error))
    except ValueError:  # the rich status contradicts the plain one: something in between made it
        return plain
    return cast("status_pb2.Status | None", rich) or plain


def _explain(status: status_pb2.Status, target: Target) -> None:
    """Adds what the user can do to the message of an error that gRPC or a proxy made."""
    if status.code == code_pb2.DEADLINE_EXCEEDED:
        status.message = f"no answer from {target} within the timeout"
    elif status.code == code_pb2.UNIMPLEMENTED:
        status.message = (
            f"{target} is not a Dragoman server, or one of another version ({status.message})"
        )


def _read_details(status: status_pb2.Status) -> _Details:
    details = _Details()
    for packed in status.details:
        if packed.Is(error_details_pb2.ErrorInfo.DESCRIPTOR):
            details.cause = error_details_pb2.ErrorInfo()
            packed.Unpack(details.cause)
        elif packed.Is(error_details_pb2.BadRequest.DESCRIPTOR):
            bad_request = error_details_pb2.BadRequest()
            packed.Unpack(bad_request)
            details.violations += [
                FieldViolation(violation.field, violation.description, violation.reason)
                for violation in bad_request.field_violations
            ]
        elif packed.Is(error_details_pb2.RetryInfo.DESCRIPTOR):
            retry = error_details_pb2.RetryInfo()
            packed.Unpack(retry)
            details.retry_after = retry.retry_delay.ToTimedelta().total_seconds()
    return details


def _message(status: status_pb2.Status, violations: list[FieldViolation]) -> str:
    name = _CODES.get(status.code, grpc.StatusCode.UNKNOWN).name
    message = status.message or f"the server answered {name} without a message"
    unnamed = [violation for violation in violations if violation.description not in message]
    return f"{message} ({_join(unnamed)})" if unnamed else message


def _join(violations: list[FieldViolation]) -> str:
    return "; ".join(
        description if field in description else f"{field}: {description}"
        for field, description, _ in violations
    )


def _moved(violation: FieldViolation, offset: int) -> FieldViolation:
    path, bracket, rest = violation.field.partition("[")
    number, closing, tail = rest.partition("]")
    if path != "contents" or not bracket or not closing or not number.isdecimal():
        return violation
    field = f"contents[{int(number) + offset}]{tail}"
    return violation._replace(
        field=field, description=violation.description.replace(violation.field, field)
    )
