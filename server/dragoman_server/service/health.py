"""What the server says of its health, by grpc.health.v1, and under which names.

Knows the names that may be asked for and who watches them. Does not know how the server is:
application.py looks after it.

Written here because the servicer of grpcio-health-checking for asyncio forgets watchers: where one
of several ends, the others hear of nothing any more; and it leaves them to the server's end.
"""

import asyncio
from collections.abc import AsyncIterator, Collection
from typing import NamedTuple, TypeAlias

import grpc
from grpc_health.v1 import health_pb2
from grpc_health.v1.health import SERVICE_NAME as HEALTH_NAME

from dragoman_server.rpc import Call, Method, RpcError, Status, server_stream, unary
from dragoman_server.service.service import SERVICE_NAME

READINESS_NAMES = ("", SERVICE_NAME, "readiness")
"""Whether to send requests here."""

LIVENESS_NAME = "liveness"
"""Whether the process is to be left alone: a server that drains is, one whose engine hangs is not.
Kubernetes' gRPC probes ask for such names."""

MODEL_PREFIX = "model/"
"""Before the name of a model, or NAME@VERSION: whether that one is served."""

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


class HealthService:
    """Answers health checks on any number of servers. Built on the event loop that it runs on."""

    def __init__(self) -> None:
        self._states: dict[str, int] = {}
        self._changed = asyncio.Event()  # another one after each change
        self._closed = False

    def methods(self) -> dict[str, Method]:
        """Returns the service's methods by their paths."""
        return {
            f"/{HEALTH_NAME}/Check": unary(_Request, self._check),
            f"/{HEALTH_NAME}/Watch": server_stream(_Request, self._watch),
        }

    def tell(self, health: Health) -> None:
        """Tells everybody who asks from now on, and who watches."""
        names = dict.fromkeys(READINESS_NAMES, health.ready) | {LIVENESS_NAME: health.alive}
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
