"""What the server says of its health, by grpc.health.v1, and under which names.

Knows the names that may be asked for, who watches them, and who may hear why a bundle is not
served. Does not know how the server is: application.py looks after it.

Written here because the servicer of grpcio-health-checking for asyncio forgets watchers: where one
of several ends, the others hear of nothing any more; and it leaves them to the server's end.
"""

import asyncio
import functools
import itertools
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from typing import NamedTuple, TypeAlias, cast

import grpc
from grpc_health.v1 import health_pb2
from grpc_health.v1.health import SERVICE_NAME as HEALTH_NAME

from dragoman_server.access import ADMINISTRATION, ALL, Access, Admission
from dragoman_server.errors import DragomanError
from dragoman_server.rpc import (
    Call,
    Caller,
    Method,
    Presented,
    RpcError,
    Status,
    Trailers,
    server_stream,
    unary,
)
from dragoman_server.service.service import SERVICE_NAME

READINESS_NAMES = ("", SERVICE_NAME, "readiness")
"""Whether to send requests here."""

LIVENESS_NAME = "liveness"
"""Whether the process is to be left alone: a server that drains is, one whose engine hangs is not.
Kubernetes' gRPC probes ask for such names."""

MODEL_PREFIX = "model/"
"""Before the name of a model, or NAME@VERSION: whether that one is served."""

BUNDLES_NAME = "bundles"
"""Whether every bundle that is there is served, as it is there now. What is served goes on where
one is not, so whether to send requests here is not asked with this name."""

FAILURE = "dragoman-bundle-failed"
"""The trailer of a Check of that name that says of a bundle why it is not served; one for each. The
protocol's answer has no place for words. The client has the same name."""

MOST_FAILURES = 8
"""That are told; headers of calls have little room."""

MOST_CHARACTERS = 256
"""Of each."""

_States = health_pb2.HealthCheckResponse
_Request: TypeAlias = health_pb2.HealthCheckRequest
_Response: TypeAlias = health_pb2.HealthCheckResponse

_UNKNOWN = Status(grpc.StatusCode.NOT_FOUND, "there is no service of this name")


class Health(NamedTuple):
    """How a server is."""

    ready: bool
    alive: bool = True
    models: Collection[str] = ()
    """What is served, by names and by NAME@VERSION."""
    failures: Mapping[str, str] = {}
    """Why what is on disk is not served, by the name of its directory."""


class HealthService:
    """Answers health checks on any number of servers. Built on the event loop that it runs on.

    Args:
        access: Says who calls, where callers must say so: anybody may know that a bundle is not
            served, but which and why only those who may use every model, or administer them.
    """

    def __init__(self, access: Access | None = None) -> None:
        self._access = access
        self._failures: Mapping[str, str] = {}
        self._states: dict[str, int] = {}
        self._changed = asyncio.Event()  # another one after each change
        self._closed = False

    def methods(self) -> dict[str, Method]:
        """Returns the service's methods by their paths."""
        check = unary(_Request, self._check, self._reasons)
        if self._access is not None:
            check = check._replace(identify=self._identify)
        return {
            f"/{HEALTH_NAME}/Check": check,
            f"/{HEALTH_NAME}/Watch": server_stream(_Request, self._watch),
        }

    def tell(self, health: Health) -> None:
        """Tells everybody who asks from now on, and who watches."""
        names = dict.fromkeys(READINESS_NAMES, health.ready) | {LIVENESS_NAME: health.alive}
        names[BUNDLES_NAME] = not health.failures
        self._failures = health.failures
        # One that is gone says so to those who know it; the name of one that never was is unknown.
        known = [name for name in self._states if name.startswith(MODEL_PREFIX)]
        names |= dict.fromkeys(known, False)
        names |= {MODEL_PREFIX + name: True for name in health.models}
        self._states = {
            name: _States.SERVING if good else _States.NOT_SERVING for name, good in names.items()
        }
        self._wake()

    def close(self) -> None:
        """Ends the calls of those who watch, which would hold the server up."""
        self._closed = True
        self._wake()

    async def _check(self, request: _Request, call: Call) -> _Response:  # noqa: ARG002
        """Answers how a service is; NOT_FOUND where there is none of the name."""
        state = self._states.get(request.service)
        if state is None:
            raise RpcError(_UNKNOWN)
        return _Response(status=state)

    def _reasons(self, request: _Request, call: Call) -> Trailers:
        """Returns why bundles are not served, where that was asked and the caller may know it."""
        if request.service != BUNDLES_NAME or not self._failures or not self._may_know(call):
            return ()
        told = [f"{label}: {reason}" for label, reason in sorted(self._failures.items())]
        if more := len(told[MOST_FAILURES:]):
            told[MOST_FAILURES:] = [f"and {more} more"]
        return tuple((FAILURE, _ascii(each)) for each in told)

    def _identify(self, caller: Caller, presented: Presented) -> object:  # noqa: ARG002
        """Returns what finds out who makes a call; most checks need not know, and it takes time."""
        assert self._access is not None
        return functools.partial(self._access.admit, presented, None)

    def _may_know(self, call: Call) -> bool:
        if self._access is None:
            return True
        try:
            principal = cast("Callable[[], Admission]", call.identity)().principal
        except DragomanError:
            return False
        return ALL in principal.models or principal.may_call(ADMINISTRATION)

    async def _watch(
        self,
        request: _Request,
        call: Call,  # noqa: ARG002
    ) -> AsyncIterator[_Response]:
        """Tells how a service is, now and whenever that changes."""
        told = None
        while not self._closed:
            changed = self._changed
            state = self._states.get(request.service, _States.SERVICE_UNKNOWN)
            if state != told:
                told = state
                yield _Response(status=state)
            await changed.wait()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


def _ascii(text: str) -> str:
    """Returns a text as a trailer may have it: printable ASCII, all else escaped, and not long."""
    escaped = (
        each if " " <= each <= "~" else each.encode("unicode_escape").decode() for each in text
    )
    shown = "".join(itertools.islice(escaped, MOST_CHARACTERS + 1))
    return shown if len(shown) <= MOST_CHARACTERS else f"{shown[: MOST_CHARACTERS - 3]}..."
