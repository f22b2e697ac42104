"""Serves the metrics over HTTP: whoever connects, there are few connections, and none for long.

Owns the connections. What an answer says, its form and its packing, is prometheus_client's. Does
not know what is counted.
"""

import asyncio
import collections
import contextlib
import errno
import functools
import logging
import socket
import threading
import time
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from prometheus_client import make_wsgi_app

from dragoman_server.monitoring.http_messages import (
    MOST_HEAD_BYTES,
    Answer,
    Headers,
    RefusedError,
    Request,
    read_request,
    send,
)
from dragoman_server.monitoring.metrics import Metrics

_log = logging.getLogger(__name__)

MOST_CONNECTIONS = 32
"""One more ends the oldest of whoever has the most."""

MOST_ACCEPTED = 16
"""Connections that are accepted at once, before the first is looked at."""

BACKLOG = 1024
"""Connections that wait in the kernel: one more would have to ask again, a second later."""

ANSWER_SECONDS = 10.0
"""For an answer to be read, and for its turn before that."""

LINGER_SECONDS = 1.0
"""For the client to close first: data that nobody has read would make the answer be thrown away."""

REST = 3
"""So many times as long as an answer takes to write, none is written: they take a quarter of a
core at most, however many ask."""

PATH = "/metrics"

_OUT_OF_DESCRIPTORS = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}


class MetricsServer:
    """Answers Prometheus' scrapes on a port of its own, in a thread of its own."""

    def __init__(self, metrics: Metrics, *, host: str, port: int) -> None:
        self._app = make_wsgi_app(metrics.registry)
        self._host = host
        self._port = port
        self._open: dict[asyncio.Task[None], str] = {}  # oldest first, with the client's host
        self._turn = asyncio.Lock()
        self._free_at = 0.0
        self._running: tuple[Callable[[], object], threading.Thread] | None = None

    @property
    def connections(self) -> int:
        """That are open at this moment."""
        return len(self._open)

    def start(self) -> int:
        """Starts to listen and returns the port, which is chosen by the system where 0 was asked.

        Raises:
            OSError: The address cannot be listened on.
        """
        listening = _listen(self._host, self._port)
        port: int = listening.getsockname()[1]
        loop = asyncio.new_event_loop()
        loop.set_exception_handler(_tell_failure)
        stopped = asyncio.Event()
        thread = threading.Thread(
            target=_run, args=(loop, self._serve(listening, stopped)), name="metrics", daemon=True
        )
        thread.start()
        self._running = functools.partial(loop.call_soon_threadsafe, stopped.set), thread
        return port

    def close(self) -> None:
        """Stops listening; does nothing if not started."""
        if self._running is None:
            return
        stop, thread = self._running
        self._running = None
        stop()
        thread.join()

    async def _serve(self, listening: socket.socket, stopped: asyncio.Event) -> None:
        server = await asyncio.start_server(
            self._connected, sock=listening, limit=MOST_HEAD_BYTES, backlog=MOST_ACCEPTED
        )
        listening.listen(BACKLOG)
        async with server:
            await stopped.wait()
            # What is accepted has to become a connection while the server is open, else Python
            # leaves its socket open.
            asyncio.get_running_loop().remove_reader(listening)
            while others := asyncio.all_tasks() - {asyncio.current_task()}:
                for task in self._open:
                    task.cancel()
                await asyncio.wait(others)

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._open) >= MOST_CONNECTIONS:
            self._end_one()
        task = asyncio.create_task(self._attend(reader, writer))
        self._open[task] = str((writer.get_extra_info("peername") or ("",))[0])

        def ended(task: asyncio.Task[None]) -> None:
            self._open.pop(task, None)
            writer.transport.abort()

        task.add_done_callback(ended)

    async def _attend(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Else the client is gone, or too slow.
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await self._answer(reader, writer)
            async with asyncio.timeout(LINGER_SECONDS):
                while await reader.read(MOST_HEAD_BYTES):
                    pass

    def _end_one(self) -> None:
        ((host, _),) = collections.Counter(self._open.values()).most_common(1)
        oldest = next(task for task, whose in self._open.items() if whose == host)
        del self._open[oldest]
        oldest.cancel()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        has_body = True
        try:
            request = await read_request(reader, PATH)
            answer, has_body = await self._in_turn(request), request.has_body
        except RefusedError as refused:
            answer = refused.answer
        async with asyncio.timeout(ANSWER_SECONDS):
            await send(writer, answer, has_body=has_body)

    async def _in_turn(self, request: Request) -> Answer:
        async with asyncio.timeout(ANSWER_SECONDS), self._turn:
            await asyncio.sleep(self._free_at - time.monotonic())
            began = time.monotonic()
            answer = self._scraped(request)
            self._free_at = time.monotonic() + REST * (time.monotonic() - began)
            return answer

    def _scraped(self, request: Request) -> Answer:
        started: list[tuple[str, Headers]] = []
        environ = {
            "REQUEST_METHOD": "GET",
            "PATH_INFO": PATH,
            "QUERY_STRING": request.query,
            "HTTP_ACCEPT": request.header("Accept"),
            "HTTP_ACCEPT_ENCODING": request.header("Accept-Encoding"),
        }
        body: Iterable[bytes] = self._app(environ, lambda *status: started.append(status))
        ((status, headers),) = started
        return Answer(status, headers, b"".join(body))


def _listen(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listening = socket.socket(family, kind, protocol)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(BACKLOG)
    except OSError:
        listening.close()
        raise
    return listening


def _run(loop: asyncio.AbstractEventLoop, serving: Coroutine[None, None, None]) -> None:
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(serving)


def _tell_failure(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    error = context.get("exception")
    if isinstance(error, OSError) and error.errno in _OUT_OF_DESCRIPTORS:
        return  # each second again, until there are some: shortages.py tells it once
    loop.default_exception_handler(context)
