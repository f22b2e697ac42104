"""What requests bring: the fields of a body of JSON or of a form, within bounds.

Knows bytes, sizes and times. Whether a field makes sense is for others to say.
"""

import asyncio
import json
import re
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.types import Receive

from dragoman_server.interfaces.http.refusals import Refusal, RefusedError

Fields = dict[str, object]

MOST_FIELDS = 4096
"""Of a form; values of JSON, beside a request's texts: `[],` takes 72 bytes once it is read."""

MOST_HELD_BYTES = 48 << 20
"""Of all bodies that are on their way."""

_TOO_MANY = Refusal(
    "RESOURCE_EXHAUSTED", "too many requests are on their way", "TOO_MANY_CALLS", retry_seconds=1.0
)

_MAYBE_HALF = re.compile(r"\\u[dD][89a-fA-F]")
"""What halves of surrogate pairs are written as; two in a row may be a whole one."""

_STRING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)', re.DOTALL)
"""Whole, or without an end: from every quote on there is a match, so none is looked for twice."""

JSON, FORM = "application/json", "application/x-www-form-urlencoded"


class GoneError(Exception):
    """Whoever asks has hung up."""


class _Arriving:
    """A body that is on its way."""

    def __init__(self, timeout: asyncio.Timeout) -> None:
        self.timeout = timeout
        self.body = bytearray()
        self.is_given_up = False


class Bodies:
    """Reads them.

    Args:
        most_bytes: Of one.
        seconds: For one to arrive.
        most_texts: That a request may have.
        most_held_bytes: Of all that are on their way.
    """

    def __init__(
        self,
        most_bytes: int,
        seconds: float,
        *,
        most_texts: int,
        most_held_bytes: int = MOST_HELD_BYTES,
    ) -> None:
        self._most_bytes = most_bytes
        self._seconds = seconds
        self._most_values = MOST_FIELDS + most_texts
        self._most_held_bytes = max(most_held_bytes, most_bytes)
        self._held = 0
        self._arriving: set[_Arriving] = set()

    async def read(self, headers: Headers, receive: Receive) -> Fields:
        """Returns the fields of a request's body.

        Raises:
            RefusedError: It is too large, too slow or not of this form.
            GoneError: Whoever asks has hung up.
        """
        media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type not in (JSON, FORM):
            shown = ascii(media_type[:80])
            message = f"the body is {shown}; allowed: {JSON} or {FORM}"
            raise _refused("UNSUPPORTED_MEDIA_TYPE", "MEDIA_TYPE", message)
        length = headers.get("content-length", "")
        if length.isdecimal() and int(length[:20]) > self._most_bytes:
            raise self._too_large()
        arriving = _Arriving(asyncio.timeout(self._seconds))
        try:
            async with arriving.timeout:
                body = await self._body(receive, arriving)
        except TimeoutError:
            if arriving.is_given_up:
                raise RefusedError(_TOO_MANY) from None
            message = f"the body did not arrive within {self._seconds:g} s"
            raise _refused("REQUEST_TIMEOUT", "BODY_TOO_SLOW", message) from None
        return _json(body, self._most_values) if media_type == JSON else _form(body)

    async def _body(self, receive: Receive, arriving: _Arriving) -> bytes:
        body = arriving.body
        self._arriving.add(arriving)
        try:
            while True:
                message = await receive()
                if arriving.is_given_up:
                    raise RefusedError(_TOO_MANY)
                if message["type"] == "http.disconnect":
                    raise GoneError
                chunk: bytes = message.get("body", b"")
                body += chunk
                self._held += len(chunk)
                if len(body) > self._most_bytes:
                    raise self._too_large()
                while self._held > self._most_held_bytes:
                    self._make_room()
                if arriving.is_given_up:
                    raise RefusedError(_TOO_MANY)
                if not message.get("more_body"):
                    return bytes(body)
        finally:
            self._forget(arriving)

    def _make_room(self) -> None:
        """Gives up the largest: who holds most is not to keep out who holds little."""
        largest = max(self._arriving, key=lambda each: len(each.body))
        largest.is_given_up = True
        largest.timeout.reschedule(asyncio.get_running_loop().time())
        self._forget(largest)

    def _forget(self, arriving: _Arriving) -> None:
        if arriving in self._arriving:
            self._arriving.discard(arriving)
            self._held -= len(arriving.body)

    def _too_large(self) -> RefusedError:
        message = f"the body has more than {self._most_bytes:,} bytes, which is the most"
        return _refused("CONTENT_TOO_LARGE", "BODY_TOO_LARGE", message)


def _json(body: bytes, most_values: int) -> Fields:
    try:
        text = body.decode("utf-8-sig")
        if _values(text) > most_values and _values(_STRING.sub("", text)) > most_values:
            message = f"the body has more than {most_values:,} values, which is the most"
            raise _refused("INVALID_ARGUMENT", "TOO_MANY_VALUES", message)
        fields = json.loads(text)
        if _MAYBE_HALF.search(text):
            json.dumps(fields, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        message = "a text has half of a surrogate pair, which is no Unicode"
        raise _refused("INVALID_ARGUMENT", "NO_UNICODE", message) from None
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict):
        raise _refused("INVALID_ARGUMENT", "NOT_JSON", "the body is no object of JSON in UTF-8")
    return fields


def _values(text: str) -> int:
    """Returns how many values there are in JSON without strings, and at least as many with some."""
    return sum(map(text.count, ",[{"))


def _form(body: bytes) -> Fields:
    """A field that occurs several times is a list."""
    try:
        fields = parse_qs(
            body.decode(), keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS
        )
    except ValueError:
        message = f"the body is no form in UTF-8 of at most {MOST_FIELDS:,} fields"
        raise _refused("INVALID_ARGUMENT", "NOT_A_FORM", message) from None
    return {name: each if len(each) > 1 else each[0] for name, each in fields.items()}


def _refused(code: str, reason: str, message: str) -> RefusedError:
    return RefusedError(Refusal(code, message, reason))
