"""The one table from exceptions to status codes, and the google.rpc.Status that a client reads.

Knows errors and the wire's error model. Does not know calls: guard.py sends the status of a call,
stream.py that of a text.
"""

import math
from typing import NamedTuple

from google.protobuf.any_pb2 import Any
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc import (  # type: ignore[import-untyped]  # it has .pyi files but no py.typed
    code_pb2,
    error_details_pb2,
)
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]
from grpc_status import rpc_status

from dragoman_server import rpc
from dragoman_server.errors import (
    AlreadyThereError,
    BackendError,
    CredentialsError,
    DeadlineError,
    InvalidArgumentError,
    NotFoundError,
    OutOfMemoryError,
    OverloadError,
    PermissionDeniedError,
    PreconditionError,
    RateLimitedError,
    UnavailableError,
    UnsupportedError,
    WouldExpireError,
)
from dragoman_server.monitoring import FailureReason

DOMAIN = "dragoman"

PUSHBACK = "grpc-retry-pushback-ms"
"""Tells gRPC at the client when to try again by itself, as its retry policy has it (gRFC A6)."""

MOST_REFUSALS = 512
"""Different ones that are kept."""

_refusals: dict[tuple[object, ...], rpc.Status] = {}


class Outcome(NamedTuple):
    """What a kind of exception means to the client and to the metrics."""

    code: int
    failure: FailureReason


_TABLE: dict[type[BaseException], Outcome] = {
    InvalidArgumentError: Outcome(code_pb2.INVALID_ARGUMENT, "REJECTED"),
    NotFoundError: Outcome(code_pb2.NOT_FOUND, "REJECTED"),
    PreconditionError: Outcome(code_pb2.FAILED_PRECONDITION, "REJECTED"),
    AlreadyThereError: Outcome(code_pb2.ALREADY_EXISTS, "REJECTED"),
    UnsupportedError: Outcome(code_pb2.UNIMPLEMENTED, "REJECTED"),
    CredentialsError: Outcome(code_pb2.UNAUTHENTICATED, "REJECTED"),
    PermissionDeniedError: Outcome(code_pb2.PERMISSION_DENIED, "REJECTED"),
    OverloadError: Outcome(code_pb2.RESOURCE_EXHAUSTED, "REJECTED"),
    UnavailableError: Outcome(code_pb2.UNAVAILABLE, "REJECTED"),
    DeadlineError: Outcome(code_pb2.DEADLINE_EXCEEDED, "DEADLINE"),
    TimeoutError: Outcome(code_pb2.DEADLINE_EXCEEDED, "DEADLINE"),
    BackendError: Outcome(code_pb2.INTERNAL, "BACKEND"),
}
_UNEXPECTED = Outcome(code_pb2.INTERNAL, "OTHER")


def outcome_of(error_type: type[Exception]) -> Outcome:
    """Returns an exception's code and failure reason; INTERNAL where it is a bug of ours."""
    for kind in error_type.__mro__:
        if kind in _TABLE:
            return _TABLE[kind]
    return _UNEXPECTED


def told(error: Exception) -> Exception:
    """Returns the error that is told in an exception's place."""
    if isinstance(error, MemoryError):
        return OutOfMemoryError("there is no memory for the request", retry_after_seconds=1.0)
    return error


def wire_status(error: Exception, error_id: str = "") -> rpc.Status:
    """Returns the end of a call that fails.

    Those of refusals are kept: a server that is asked for too much says the same again and again.
    Each caller over its own limit is told another time.
    """
    if isinstance(error, RateLimitedError):
        return _pushed_back(error)
    if not isinstance(error, OverloadError | CredentialsError):
        return _wire_status(error, error_id)
    key: tuple[object, ...] = (type(error), str(error))
    if isinstance(error, OverloadError):
        key = (*key, error.retry_after_seconds, retry_pushback(error))
    if (status := _refusals.get(key)) is None:
        status = _pushed_back(error) if isinstance(error, OverloadError) else _wire_status(error)
        if len(_refusals) >= MOST_REFUSALS:
            _refusals.clear()
        _refusals[key] = status
    return status


def _pushed_back(error: OverloadError) -> rpc.Status:
    status = _wire_status(error)
    return status._replace(trailers=(*status.trailers, (PUSHBACK, retry_pushback(error))))


def _wire_status(error: Exception, error_id: str = "") -> rpc.Status:
    status = rpc_status.to_status(status_of(error, error_id))
    return rpc.Status(status.code, status.details, tuple(status.trailing_metadata))


def status_of(error: Exception, error_id: str = "") -> Status:
    """Returns what the client is told; of an unexpected error no more than its id in the log."""
    code = outcome_of(type(error)).code
    reason = str(getattr(error, "reason", "INTERNAL"))
    message = str(error)
    metadata: dict[str, str] = {}
    if isinstance(error, TimeoutError):
        reason, message = "DEADLINE_EXCEEDED", "the server's default deadline passed"
    elif code == code_pb2.INTERNAL:
        reason = reason if isinstance(error, BackendError) else "INTERNAL"
        message = f"the server failed; its log says why under error id {error_id}"
        metadata = {"error_id": error_id}
    elif isinstance(error, InvalidArgumentError):
        metadata = {"field": error.field, "given": error.given, "allowed": error.allowed}
    info = error_details_pb2.ErrorInfo(
        reason=reason,
        domain=DOMAIN,
        metadata={name: value for name, value in metadata.items() if value},
    )
    details = [_packed(info), *(_packed(detail) for detail in _details(error))]
    return Status(code=code, message=message, details=details)


def retry_pushback(error: OverloadError) -> str:
    """Returns the value of gRPC's own `grpc-retry-pushback-ms`.

    It is a delay in milliseconds, or negative: not again. gRPC's retries are part of the call and
    its deadline stays: one that could come only after it would keep the client from what it is
    told now.
    """
    seconds = error.retry_after_seconds
    if isinstance(error, WouldExpireError) and seconds >= error.remaining_seconds:
        return "-1"
    return str(math.ceil(seconds * 1000))


def _details(error: Exception) -> list[Message]:
    if isinstance(error, InvalidArgumentError) and error.field:
        violation = error_details_pb2.BadRequest.FieldViolation(
            field=error.field, description=str(error), reason=error.reason
        )
        return [error_details_pb2.BadRequest(field_violations=[violation])]
    if isinstance(error, OverloadError):
        delay = Duration()
        delay.FromNanoseconds(round(error.retry_after_seconds * 1e9))
        return [error_details_pb2.RetryInfo(retry_delay=delay)]
    return []


def _packed(message: Message) -> Any:
    packed = Any()
    packed.Pack(message)
    return packed
