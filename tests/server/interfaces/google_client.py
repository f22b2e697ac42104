"""Google's own client against a server of a test, with its address changed and nothing else."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest

from tests.server.service.harness import Running, running

translate = pytest.importorskip("google.cloud.translate_v3")
transports = pytest.importorskip(
    "google.cloud.translate_v3.services.translation_service.transports"
)

PROJECT = "projects/acme"
PARENT = f"{PROJECT}/locations/us-central1"


def of(port: int) -> Any:
    """Returns a client of what listens on a port of this machine."""
    return over(grpc.insecure_channel(f"127.0.0.1:{port}"))


def over(channel: grpc.Channel) -> Any:
    """Returns a client over a channel."""
    return translate.TranslationServiceClient(
        transport=transports.TranslationServiceGrpcTransport(channel=channel)
    )


async def asked(call: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """Calls a client that blocks."""
    return await asyncio.to_thread(call, *arguments, **{"timeout": 10, **options})


@asynccontextmanager
async def served(**settings: Any) -> AsyncIterator[tuple[Running, Any]]:
    """A server that says again what it is told, and a client."""
    async with running(interfaces="google", **settings) as server:
        server.engine.echo = True
        client = of(server.application.port)
        try:
            yield server, client
        finally:
            client.transport.close()
