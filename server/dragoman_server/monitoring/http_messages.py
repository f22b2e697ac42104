"""HTTP/1.1 as far as a scrape needs it: one request a connection, without a body.

Knows what a request may look like and how long it may take to come. Does not know what is
answered.
"""

import asyncio
import http.client
import io
import re
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import urlsplit

MOST_HEAD_BYTES = 16 * 1024

REQUEST_SECONDS = 5.0
"""For a request to come."""

_REQUEST_LINE = re.compile(r"([A-Z]+) (\S+) HTTP/1\.[01]")

Headers = list[tuple[str, str]]


class Request(NamedTuple):
    """What is asked for with GET, or with HEAD."""

    has_body: bool
    """Whether the answer has one."""
    query: str
    headers: http.client.HTTPMessage

    def header(self, name: str) -> str:
        """Returns a header's value; empty where it is absent."""
        return ",".join(self.headers.get_all(name, []))


class Answer(NamedTuple):
    """What is sent."""

    status: str
    headers: Headers
    body: bytes


class RefusedError(Exception):
    """The request is answered with an error."""

    def __init__(self, status: HTTPStatus, says: str, *headers: tuple[str, str]) -> None:
        super().__init__(says)
        self.answer = Answer(
            f"{status.value} {status.phrase}",
            [("Content-Type", "text/plain; charset=utf-8"), *headers],
            f"{says}\n".encode(),
        )


async def read_request(reader: asyncio.StreamReader, path: str) -> Request:
    """Reads a request for what is at `path`, its empty line included.

    Raises:
        RefusedError: It is too long, too slow, none, or for something else.
        IncompleteReadError, OSError: The client is gone.
    """
    try:
        async with asyncio.timeout(REQUEST_SECONDS):
            return _parsed(await reader.readuntil(b"\r\n\r\n"), path)
    except asyncio.LimitOverrunError:
        says = f"a request has at most {MOST_HEAD_BYTES} bytes"
        raise RefusedError(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, says) from None
    except TimeoutError:
        says = f"a request comes within {REQUEST_SECONDS:g} s"
        raise RefusedError(HTTPStatus.REQUEST_TIMEOUT, says) from None


def _parsed(head: bytes, path: str) -> Request:
    line, _, rest = head.partition(b"\r\n")
    try:
        match = _REQUEST_LINE.fullmatch(line.decode("ascii"))
        headers = http.client.parse_headers(io.BytesIO(rest))
        target = urlsplit(match[2]) if match else None
    except (ValueError, http.client.HTTPException):
        match = target = None
    if match is None or target is None:
        raise RefusedError(HTTPStatus.BAD_REQUEST, "not a request of HTTP/1.1")
    if match[1] not in {"GET", "HEAD"}:
        allowed = ("Allow", "GET, HEAD")
        raise RefusedError(HTTPStatus.METHOD_NOT_ALLOWED, "allowed are GET and HEAD", allowed)
    if target.path != path:
        raise RefusedError(HTTPStatus.NOT_FOUND, f"there is only {path}")
    return Request(match[1] == "GET", target.query, headers)


async def send(writer: asyncio.StreamWriter, answer: Answer, *, has_body: bool) -> None:
    """Returns once the client's side has it all."""
    length = ("Content-Length", str(len(answer.body)))
    lines = [f"HTTP/1.1 {answer.status}"]
    lines += [
        f"{name}: {value}" for name, value in (*answer.headers, length, ("Connection", "close"))
    ]
    writer.transport.set_write_buffer_limits(0)
    writer.write("\r\n".join([*lines, "", ""]).encode("latin-1"))
    if has_body:
        writer.write(answer.body)
    await writer.drain()
    writer.write_eof()
