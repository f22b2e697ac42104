"""Which pages of a browser may ask: those of the site that this server is a part of.

Other pages in the same browser reach whatever listens on the machine. They are told from our own by
what the browser says of them; names that somebody else pointed here (DNS rebinding) by the Host,
where this machine alone reaches the server. Knows headers. Does not know what is asked for.
"""

import ipaddress
from urllib.parse import SplitResult, urlsplit

from starlette.datastructures import Headers

from dragoman_server.interfaces.http.refusals import Refusal, RefusedError

OTHER_SITES = ("cross-site", "same-site")
"""What a browser says in `Sec-Fetch-Site` of a page that is not of this server's site."""

_NOWHERE = SplitResult("", "", "", "", "")


class Pages:
    """Lets them in, and whoever is no browser.

    Args:
        by_any_name: Whether the server may be reached by names that it does not know.
    """

    def __init__(self, *, by_any_name: bool) -> None:
        self._by_any_name = by_any_name

    def check(self, headers: Headers) -> None:
        """Raises RefusedError where a page asks that may not."""
        site, origin = headers.get("sec-fetch-site"), headers.get("origin")
        if site is None and origin is None:  # no browser asks
            return
        host = headers.get("host", "").lower()
        if site in OTHER_SITES or (site is None and _split(origin or "").netloc.lower() != host):
            raise _refused("pages of other sites may not ask through a browser")
        if not (self._by_any_name or _is_this_machine(host)):
            raise _refused("a page may ask under an IP address or localhost, and no other name")


def _is_this_machine(host: str) -> bool:
    """Whether a Host is an address or localhost, which nobody else can point elsewhere."""
    name = _split(f"//{host}").hostname or ""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return name == "localhost"
    return True


def _split(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError:
        return _NOWHERE


def _refused(message: str) -> RefusedError:
    return RefusedError(Refusal("PERMISSION_DENIED", message, "ORIGIN_NOT_ALLOWED"))
