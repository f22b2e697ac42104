"""Where the server is, and in words why it was not reached.

Knows gRPC's targets, and the proxies that the environment names as gRPC reads them. Opens nothing.
"""

import ipaddress
import os
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from dragoman.arguments import refusal, utf8_size

PROXIES = ("grpc_proxy", "https_proxy", "http_proxy")
NO_PROXIES = ("no_grpc_proxy", "no_proxy")
"""Variables of the environment; gRPC takes the first that is there, whatever it says."""

MOST_PORT = 65_535

_PORT = re.compile(r"(?:^|[^:]|\]):(\d+)$")
_ELSEWHERE = re.compile(r"(?:xds|google-c2p):|[a-z0-9+.-]+://[^/]+/", re.IGNORECASE)
"""Targets whose names another machine explains, whatever they are."""

_SCHEMES = re.compile(r"(?:https?|grpcs?)://([^/]*)", re.IGNORECASE)


@dataclass(frozen=True)
class Target:
    """A target of gRPC, and whether it is spoken to in TLS."""

    address: str
    """host:port, or any other form that gRPC knows."""

    tls: bool = False
    """Whether the channel has credentials."""

    def __str__(self) -> str:
        return self.address

    @property
    def is_local(self) -> bool:
        """Whether it is this machine, which no proxy is asked for."""
        if self.address.startswith(("unix:", "unix-abstract:", "vsock:")):
            return True
        if _ELSEWHERE.match(self.address):
            return False
        return all(map(_is_loopback, self._hosts()))

    @property
    def proxy(self) -> str:
        """The proxy that gRPC goes through, without its password; empty where there is none."""
        if self.is_local:
            return ""
        location = urlsplit(_first(PROXIES))
        exceptions = _first(NO_PROXIES)
        if location.scheme != "http" or any(_is_in(exceptions, host) for host in self._hosts()):
            return ""
        return location.netloc.rpartition("@")[2]

    def _hosts(self) -> list[str]:
        _, _, path = self.address.rpartition("/")
        scheme, _, rest = path.partition(":")
        addresses = rest.split(",") if scheme in {"ipv4", "ipv6", "dns"} else [path]
        return [_host(address) for address in addresses]


def as_address(value: object) -> str:
    """Returns a target as it was given.

    Raises:
        InvalidArgumentError: It is none.
    """
    utf8_size(value, "target")
    assert isinstance(value, str)
    if not value.strip() or not value.isprintable():
        raise refusal("target", f"must be host:port, not {value!r}", "INVALID_TARGET")
    if url := _SCHEMES.match(value):
        raise refusal(
            "target", f"must be host:port and no URL: {url[1]!r}, not {value!r}", "INVALID_TARGET"
        )
    if (port := _PORT.search(value)) and not 0 < int(port[1][:9]) <= MOST_PORT:
        raise refusal(
            "target", f"has the port {port[1]}; allowed: 1 to {MOST_PORT:,}", "INVALID_TARGET"
        )
    return value


def _first(variables: tuple[str, ...]) -> str:
    return next((os.environ[name] for name in variables if name in os.environ), "")


def _host(address: str) -> str:
    if address.startswith("["):
        return address[1:].partition("]")[0]
    return address if address.count(":") > 1 else address.partition(":")[0]


def _is_loopback(host: str) -> bool:
    if host.lower().rstrip(".") == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_in(exceptions: str, host: str) -> bool:
    """Whether a list of names' ends and of networks names a host, as gRPC understands it."""
    entries = [entry.strip() for entry in exceptions.split(",")]
    return any(entry and _matches(entry, host) for entry in entries)


def _matches(entry: str, host: str) -> bool:
    if host.lower().endswith(entry.lower()):
        return True
    try:
        return "/" in entry and ipaddress.ip_address(host) in ipaddress.ip_network(entry, False)
    except ValueError:
        return False
