"""Who may ask: this page alone, under a name that is this server's own.

Other pages in the same browser reach whatever listens on the machine. They are told from our own by
what the browser says of them; names that somebody else pointed here (DNS rebinding) by the Host.
Does not know what is asked for.
"""

import ipaddress
from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dragoman.playground.answers import refusal

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
"""No resource of anybody else, nothing inline, and no string becomes HTML or script."""

HEADERS = {
    "content-security-policy": POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}

OWN_SITES = ("same-origin", "none")
"""What `Sec-Fetch-Site` is of our page, and of an address that somebody typed."""


class _Refused(NamedTuple):
    """Why a request is not answered."""

    reason: str
    message: str


class Gate:
    """Middleware that answers our own page, and adds what keeps others out to each answer.

    Args:
        app: Answers what is let in.
        hosts: Names under which it is reached, beside localhost and any IP address.
    """

    def __init__(self, app: ASGIApp, hosts: Iterable[str] = ()) -> None:
        self._app = app
        self._hosts = {"localhost", *(host.lower() for host in hosts)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuses a request, or hands it on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        refused = self._refused(Headers(scope=scope), scope["path"])
        answering = self._app if refused is None else refusal(403, *refused)
        await answering(scope, receive, send_guarded)

    def _refused(self, headers: Headers, path: str) -> _Refused | None:
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not self._is_ours(hosts[0]):
            return _Refused(
                "HOST_NOT_ALLOWED",
                "the page is reached by an IP address, by localhost, or by a name given with "
                "--allowed-host, and by no other name",
            )
        if not path.startswith("/api/"):
            return None
        origin = headers.get("origin")
        is_other = origin is not None and urlsplit(origin).netloc.lower() != hosts[0].lower()
        if is_other or headers.get("sec-fetch-site", "none") not in OWN_SITES:
            return _Refused("ORIGIN_NOT_ALLOWED", "no other page may ask through this one")
        return None

    def _is_ours(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return name in self._hosts
        return True
