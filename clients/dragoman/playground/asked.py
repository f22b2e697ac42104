"""What the page asks for: a text and how to translate it, read from JSON within bounds.

Knows names and sizes. Whether a value makes sense is the client's and the server's to say.
"""

import asyncio
import json
from typing import NamedTuple, cast

from starlette.requests import Request

from dragoman.options import TranslateOptions

MOST_BYTES = 256 * 1024
"""Of a body, as of a message that the server takes without being told otherwise."""

READ_SECONDS = 10.0
"""For a body to arrive."""

_SCHEME = "bearer"


class NotAskedError(Exception):
    """A request that is none.

    Attributes:
        status: Of HTTP.
        reason: UPPER_SNAKE name of the rule that it breaks.
    """

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason


class Asked(NamedTuple):
    """A text to translate."""

    text: str
    options: TranslateOptions


def key_of(request: Request) -> str | None:
    """Returns the key that the visitor typed; None where there is none."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    return key.strip() or None if scheme.lower() == _SCHEME else None


async def read(request: Request) -> Asked:
    """Reads what is asked for.

    Raises:
        NotAskedError: It is no JSON of this form, too large, or does not arrive.
        ClientDisconnect: Whoever asks has gone.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise NotAskedError(415, "NOT_JSON", "the body must be application/json")
    try:
        async with asyncio.timeout(READ_SECONDS):
            body = await _body(request)
    except TimeoutError:
        message = f"the body did not arrive within {READ_SECONDS:g} s"
        raise NotAskedError(408, "BODY_TOO_SLOW", message) from None
    try:
        asked = json.loads(body)
    except (ValueError, RecursionError):
        raise NotAskedError(400, "NOT_JSON", "the body is no JSON") from None
    return _asked(asked)


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BYTES:
            message = f"the body has more than {MOST_BYTES:,} bytes, which is the most"
            raise NotAskedError(413, "BODY_TOO_LARGE", message)
    return bytes(body)


def _asked(asked: object) -> Asked:
    if not isinstance(asked, dict) or not isinstance(asked.get("text"), str):
        raise NotAskedError(400, "NO_TEXT", "the body must be an object with a `text`")
    options = asked.get("options", {})
    if not isinstance(options, dict):
        raise NotAskedError(400, "NO_OPTIONS", "`options` must be an object")
    known = TranslateOptions.__annotations__.keys()
    for field in [*asked.keys() - {"text", "options"}, *options.keys() - known]:
        shown = ascii(field[:80])
        message = f"{shown} is no field; options are {', '.join(sorted(known))}"
        raise NotAskedError(400, "UNKNOWN_FIELD", message)
    return Asked(asked["text"], cast("TranslateOptions", options))
