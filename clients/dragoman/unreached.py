"""Why no server was reached, in words that say what to do.

Knows the messages of gRPC's core about connections, and what they mean beside TLS and proxies.
"""

from typing import NamedTuple
from urllib.parse import unquote

from dragoman.target import Target


class Unreached(NamedTuple):
    """What kept a call from a server."""

    reason: str
    """UNREACHABLE, NOT_READY, TLS_FAILED, or CONNECTION_BROKEN where the call was on its way."""

    message: str


_ATTEMPTS = (
    "connections to all backends failing",
    "failed to connect",
    "errors resolving",
    "upstream connect error",
    "no healthy upstream",
    "connection refused",
)
"""What gRPC, or a proxy between, says of a connection that could not be made."""

_PREFIXES = ("UNKNOWN: ", "UNAVAILABLE: ", "INTERNAL: ", "FAILED_PRECONDITION: ")

_TLS = (
    ("certificate has expired", "the server's certificate has expired"),
    ("CERTIFICATE_VERIFY_FAILED", "the server's certificate is not signed by a trusted authority"),
    ("Hostname Verification", "the server's certificate is not for this host name"),
    ("Peer name", "the server's certificate is not for this host name"),
    ("WRONG_VERSION_NUMBER", "the server does not speak TLS: it wants plain text"),
    ("security handshaker", "the certificates or the key that were given cannot be used"),
    ("handshake failed", "the handshake failed"),
)
"""What gRPC says about TLS, and what it means; the first that is found counts."""

_CLOSED = ("Socket closed", "reset by peer", "recvmsg", "Endpoint closed", "EOF", "Broken pipe")


def explain(message: str, target: Target) -> Unreached:
    """Returns what a message of gRPC with the status UNAVAILABLE means.

    Args:
        message: gRPC's.
        target: Where the call went.
    """
    why = unquote(message.rpartition("last error: ")[2])  # addresses are written as in URLs
    for prefix in _PREFIXES:
        why = why.removeprefix(prefix)
    if not any(said in message.lower() for said in _ATTEMPTS):
        return Unreached(
            "CONNECTION_BROKEN", f"the connection to the server at {target} broke ({why})"
        )
    if "backend unhealthy" in why:
        return Unreached("NOT_READY", f"the server at {target} is not ready: it starts or drains")
    where = f"{target} through the proxy {target.proxy}" if target.proxy else str(target)
    if target.tls and (failure := _tls_failure(why)):
        return Unreached("TLS_FAILED", f"no TLS with the server at {where}: {failure} ({why})")
    return Unreached(
        "UNREACHABLE", f"cannot reach a Dragoman server at {where} ({why}); {_hint(why, target)}"
    )


def is_wrong_host(message: str) -> bool:
    """Whether a message of gRPC with the status UNAUTHENTICATED is about the certificate."""
    return "does not match SSL server name" in message


def _tls_failure(why: str) -> str:
    return next((meaning for said, meaning in _TLS if said.lower() in why.lower()), "")


def _hint(why: str, target: Target) -> str:
    if target.proxy:
        return "http_proxy names the proxy, and no_proxy what is reached without it"
    if target.tls and "health check call failed" in why:
        return "is its TLS certificate for this host name?"
    if any(said in why for said in _CLOSED):
        wants = "ask for a TLS certificate of the client" if target.tls else "want TLS"
        return f"it closes the connection: does it {wants}?"
    if ":443:" in why and ":443" not in target.address:
        return "that names no port, and 443 is gRPC's default"
    return "is it running? `dragoman serve --bundle DIR` starts one"
