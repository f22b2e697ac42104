"""What the server says of its health, by grpc.health.v1, and where.

Knows the names that may be asked for and the port for probes that speak no TLS. Does not know how
the server is: application.py looks after it.
"""

from typing import NamedTuple

from grpc import aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from dragoman_server.guard import SERVICE_NAME

READINESS_NAMES = ("", SERVICE_NAME, "readiness")
"""Whether to send requests here."""

LIVENESS_NAME = "liveness"
"""Whether the process is to be left alone: a server that drains is, one whose engine hangs is not.
Kubernetes' gRPC probes ask for such names."""


class Health(NamedTuple):
    """How a server is."""

    ready: bool
    alive: bool = True


class HealthService:
    """Answers health checks on any number of servers. Built on the event loop that it runs on."""

    def __init__(self) -> None:
        self._servicer = health.aio.HealthServicer()

    def add_to(self, server: aio.Server) -> None:
        """Lets a server answer health checks."""
        health_pb2_grpc.add_HealthServicer_to_server(self._servicer, server)

    async def tell(self, state: Health) -> None:
        """Tells everybody who asks from now on, and who watches."""
        for name in READINESS_NAMES:
            await self._tell(name, good=state.ready)
        await self._tell(LIVENESS_NAME, good=state.alive)

    async def _tell(self, name: str, *, good: bool) -> None:
        states = health_pb2.HealthCheckResponse
        await self._servicer.set(name, states.SERVING if good else states.NOT_SERVING)
