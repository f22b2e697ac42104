"""Why a request has no answer, and how HTTP says it; each interface says what stands in the body.

Knows statuses of calls, and what is no request at all.
"""

import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple, NoReturn

from google.protobuf.any_pb2 import Any
from google.rpc import (  # type: ignore[import-untyped]  # it has .pyi files but no py.typed
    code_pb2,
    error_details_pb2,
    status_pb2,
)
from starlette.responses import JSONResponse

from dragoman_server.rpc import Status

DETAILS = "grpc-status-details-bin"
"""The trailer that has them."""

HTTP_STATUSES = {
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "NOT_SUPPORTED": 400,
    "REQUEST_TIMEOUT": 408,
    "CONTENT_TOO_LARGE": 413,
    "UNSUPPORTED_MEDIA_TYPE": 415,
    "RESOURCE_EXHAUSTED": 429,
    "UNIMPLEMENTED": 501,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}
"""By a refusal's code, as google.rpc has them; of any other it is 500."""

_CLOSED_AFTER = ("CONTENT_TOO_LARGE", "REQUEST_TIMEOUT", "UNAVAILABLE", "UNSUPPORTED_MEDIA_TYPE")
"""The rest of the request, or a next one, is of no use on the connection."""


class Refusal(NamedTuple):
    """What a client is told."""

    code: str
    """Of gRPC, or one that only HTTP has."""
    message: str
    reason: str = "INVALID_REQUEST"
    """UPPER_SNAKE name of what went wrong."""
    field: str = ""
    """Which part of the request is wrong."""
    retry_seconds: float | None = None
    """When it is sensible to try again."""

    @property
    def http_status(self) -> int:
        """HTTP's status."""
        return HTTP_STATUSES.get(self.code, 500)


class RefusedError(Exception):
    """A request that is refused before it is a call, or after one that is counted."""

    def __init__(self, refusal: Refusal, *, was_call: bool = False) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal
        self.was_call = was_call


def refuse(field: str, given: str, allowed: str) -> NoReturn:
    """Raises RefusedError: a field has what it may not have."""
    message = f"{field} is {given}; allowed: {allowed}"
    raise RefusedError(Refusal("INVALID_ARGUMENT", message, field=field))


def refusal_of(status: Status) -> Refusal:
    """Returns how a call ended that failed."""
    details: Iterable[Any] = ()
    for name, value in status.trailers:
        if name == DETAILS and isinstance(value, bytes):
            details = status_pb2.Status.FromString(value).details
    return _refusal(status.code.name, status.details, details)


def refusal_in(status: status_pb2.Status) -> Refusal:
    """Returns how a text of a stream ended that failed."""
    return _refusal(code_pb2.Code.Name(status.code), status.message, status.details)


def _refusal(code: str, message: str, details: Iterable[Any]) -> Refusal:
    told = Refusal(code, message, "INTERNAL")
    info, retry = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
    for detail in details:
        if detail.Unpack(info):
            told = told._replace(reason=info.reason, field=info.metadata.get("field", ""))
        elif detail.Unpack(retry):
            told = told._replace(retry_seconds=retry.retry_delay.ToNanoseconds() / 1e9)
    return told


def refused(
    refusal: Refusal, content: object, statuses: Mapping[str, int] | None = None
) -> JSONResponse:
    """Returns the answer to what is refused.

    Args:
        refusal: Why.
        content: The body, as JSON.
        statuses: Of HTTP, by the refusal's code, where an interface has others.
    """
    status = (statuses or {}).get(refusal.code, refusal.http_status)
    headers: dict[str, str] = {}
    if refusal.retry_seconds is not None:
        headers["retry-after"] = str(max(1, math.ceil(refusal.retry_seconds)))
    if refusal.code == "UNAUTHENTICATED":
        headers["www-authenticate"] = "Bearer"
    if refusal.code in _CLOSED_AFTER:
        headers["connection"] = "close"
    return JSONResponse(content, status, headers)
