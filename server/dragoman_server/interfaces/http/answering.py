"""How a request is answered: read, handed to what answers it, refused or given up.

Whoever hangs up frees the server from what was asked for, and who does not take an answer in time
too. Knows requests. Does not know which interface they are made in.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from starlette.datastructures import Headers, QueryParams
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from dragoman_server.interfaces.http.asked import Asked, Shown, path_of, seconds_of
from dragoman_server.interfaces.http.bodies import Bodies, Fields, GoneError
from dragoman_server.interfaces.http.listening import CERTIFICATE_NAMES
from dragoman_server.interfaces.http.pages import Pages
from dragoman_server.interfaces.http.refusals import Refusal, RefusedError, refusal_of
from dragoman_server.rpc import FAILED, LocalCalls, Origin, RpcError, Unread

_log = logging.getLogger(__name__)

_UNREAD = {"REQUEST_TIMEOUT": Unread.LATE, "RESOURCE_EXHAUSTED": Unread.TOO_MANY}
"""Why a request is refused that never is a call, by its refusal's code."""

Credentials = Callable[[Headers, Fields], list[tuple[str, str | bytes]]]
"""Returns the headers of a request as the server's own clients would send them."""

Answering = Callable[[Asked], Awaitable[Response]]
"""Answers; raises RefusedError, or RpcError of a call that failed."""


class Dialect(NamedTuple):
    """In which words an interface is asked and answers."""

    interface: str
    tell: Callable[[Refusal], Response]
    """Returns the answer to what is refused."""
    credentials: Credentials


class Asker(NamedTuple):
    """What every endpoint needs."""

    local: LocalCalls
    bodies: Bodies
    pages: Pages


class Endpoint:
    """An ASGI application for one path.

    Args:
        answering: Answers.
        method: Of the server, as which a request counts that never is a call.
        dialect: Of its interface.
        asker: As of all.
    """

    def __init__(self, answering: Answering, method: str, dialect: Dialect, asker: Asker) -> None:
        self._answering = answering
        self._path = path_of(method)
        self._dialect = dialect
        self._asker = asker

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        headers = Headers(scope=scope)
        origin = self._origin(scope, headers)
        try:
            asked = await self._asked(scope, headers, receive, origin)
        except RefusedError as error:
            await self._refused(error, origin)(scope, receive, send)
            return
        except GoneError:
            return
        answering = asyncio.create_task(self._answer(asked, scope, receive, send))
        leaving = asyncio.create_task(_gone(receive))
        try:
            await asyncio.wait((answering, leaving), return_when=asyncio.FIRST_COMPLETED)
            if answering.done():
                answering.result()
        finally:
            answering.cancel()
            leaving.cancel()
            await asyncio.wait((answering, leaving))

    def _origin(self, scope: Scope, headers: Headers) -> Origin:
        client: tuple[str, int] = scope["client"] or ("", 0)
        names: Sequence[str] = scope["state"][CERTIFICATE_NAMES]
        shown = Shown(self._dialect.credentials(headers, {}), names)
        return Origin(_peer(*client), self._dialect.interface, shown)

    async def _asked(
        self, scope: Scope, headers: Headers, receive: Receive, origin: Origin
    ) -> Asked:
        self._asker.pages.check(headers)
        fields: Fields = dict(QueryParams(scope["query_string"]))
        if scope["method"] == "POST" or headers.get("content-length", "0") != "0":
            fields |= await self._asker.bodies.read(headers, receive)
        fields |= scope["path_params"]
        shown = Shown(
            self._dialect.credentials(headers, fields), origin.presented.certificate_names()
        )
        origin = origin._replace(presented=shown, seconds=seconds_of(headers))
        return Asked(self._asker.local, origin, headers, fields)

    async def _answer(self, asked: Asked, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            response = await self._answering(asked)
        except RefusedError as error:
            response = self._refused(error, asked.origin)
        except RpcError as error:
            response = self._dialect.tell(refusal_of(error.status))
        except Exception:  # noqa: BLE001  whatever it is, the client is to be told
            _log.exception("request_failed")
            response = self._dialect.tell(Refusal("INTERNAL", FAILED.details, "INTERNAL"))
        await response(scope, receive, send)

    def _refused(self, error: RefusedError, origin: Origin) -> Response:
        """Counts what never was a call among the calls, and returns what is told."""
        if not error.was_call:
            why = _UNREAD.get(error.refusal.code, Unread.MALFORMED)
            self._asker.local.refuse(self._path, origin, why, error.refusal.message)
        return self._dialect.tell(error.refusal)


class Refusing:
    """An ASGI application for a path that others have and this server does not.

    Args:
        message: Why not.
        dialect: Of its interface.
    """

    def __init__(self, message: str, dialect: Dialect) -> None:
        self._response = dialect.tell(Refusal("NOT_SUPPORTED", message, "NOT_SUPPORTED"))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Says so, whatever is asked."""
        await self._response(scope, receive, send)


async def _gone(receive: Receive) -> None:
    """Returns once whoever asks has hung up, or has all of the answer."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _peer(host: str, port: int) -> str:
    return f"ipv6:[{host}]:{port}" if ":" in host else f"ipv4:{host}:{port}"
