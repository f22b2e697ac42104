"""A server that speaks HTTP: where it is, and what it says to requests made by hand."""

import asyncio
import contextlib
import http.client
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from dragoman.v1.bundle_pb2 import Manifest
from dragoman_server.processes.front_end import FrontEnd
from tests.server.service.harness import Running, running

JSON = {"content-type": "application/json"}
FORM = {"content-type": "application/x-www-form-urlencoded"}


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: Any


def front_end_of(server: Running) -> FrontEnd:
    front_end = server.application._front_end
    assert isinstance(front_end, FrontEnd)
    return front_end


def port_of(server: Running) -> int:
    port = front_end_of(server).http_port
    assert port
    return port


def url_of(server: Running) -> str:
    return f"http://127.0.0.1:{port_of(server)}"


@asynccontextmanager
async def speaking_http(
    contents: Manifest | None = None, **settings: object
) -> AsyncIterator[Running]:
    """Every text is its own translation."""
    async with running(contents, http_port=0, **settings) as server:
        server.engine.echo = True
        yield server


async def asked(call: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """Calls a client that blocks."""
    return await asyncio.to_thread(call, *arguments, **options)


async def post(
    server: Running, path: str, content: object, headers: dict[str, str] | None = None
) -> Answer:
    """Sends JSON, or bytes as they are."""
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return await asyncio.to_thread(_request, server, "POST", path, body, headers or JSON)


async def get(server: Running, path: str, headers: dict[str, str] | None = None) -> Answer:
    return await asyncio.to_thread(_request, server, "GET", path, None, headers or {})


def _request(
    server: Running, method: str, path: str, body: bytes | None, headers: dict[str, str]
) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", port_of(server), timeout=60)
    with contextlib.closing(connection):
        connection.request(method, path, body, headers)
        with connection.getresponse() as response:
            told = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, told, json.loads(response.read()))
