"""How the client connects: gRPC's service config and channel options, as data.

Knows how gRPC balances, keeps and remakes connections. Does not know what the calls are for; what
is tried again, and for how long, is in calls/ and in window.py, which know deadlines.
"""

import json
from collections.abc import Sequence
from importlib.metadata import version

import grpc

from dragoman.target import Target

Certificates = tuple[bytes | None, bytes | None, bytes | None]
"""Authorities, private key and certificate chain in PEM; what is None is the system's, or none."""

SERVICE = "dragoman.v1.TranslationService"

SERVICE_CONFIG: dict[str, object] = {
    # Each call goes to the next replica. It needs a target that resolves to all of them, such as
    # dns:///HOST of a headless Kubernetes service.
    "loadBalancingConfig": [{"round_robin": {}}],
    # A replica that drains says so before it refuses anything, and gets no further calls.
    "healthCheckConfig": {"serviceName": SERVICE},
}

_OPTIONS: tuple[tuple[str, int], ...] = (
    # Only of what never left this side, or a server is sure not to have seen.
    ("grpc.enable_retries", 1),
    # A translation can be longer than its text: what the server sends is taken.
    ("grpc.max_receive_message_length", 64 * 1024 * 1024),
    # The server says what it does not take, with a better message than gRPC's.
    ("grpc.max_send_message_length", -1),
    # A connection that died without a word is noticed after a minute and 20 s. Pings more often
    # than the server allows would end the connection.
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.keepalive_permit_without_calls", 0),
    ("grpc.http2.max_pings_without_data", 0),
    # gRPC's own ceiling is two minutes: a restarted server would stay unnoticed that long, and the
    # first call after an outage would fail for what was before.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 500),
    # After a connection has ended, names are looked up again: so soon at the earliest, and not
    # after gRPC's own 30 s, as new replicas wait for it.
    ("grpc.dns_min_time_between_resolutions_ms", 2_000),
)


def channel_options() -> list[tuple[str, str | int]]:
    """Returns the options for a gRPC channel, sync or aio."""
    return [
        *_OPTIONS,
        ("grpc.service_config", json.dumps(SERVICE_CONFIG)),
        ("grpc.primary_user_agent", f"dragoman/{version('dragoman')}"),
    ]


def tls_credentials(certificates: Certificates | None) -> grpc.ChannelCredentials | None:
    """Returns what TLS needs; None for plain text."""
    return None if certificates is None else grpc.ssl_channel_credentials(*certificates)


def open_channel(
    target: str,
    credentials: grpc.ChannelCredentials | None,
    options: Sequence[tuple[str, str | int]] | None = None,
) -> grpc.Channel:
    """Returns a channel; it connects with the first call.

    Args:
        target: Any gRPC target.
        credentials: None for plain text.
        options: Instead of the client's.
    """
    chosen = _chosen(target, options)
    if credentials is None:
        return grpc.insecure_channel(target, options=chosen)
    return grpc.secure_channel(target, credentials, options=chosen)


def open_async_channel(
    target: str,
    credentials: grpc.ChannelCredentials | None,
    options: Sequence[tuple[str, str | int]] | None = None,
) -> grpc.aio.Channel:
    """Returns a channel of the running event loop; the arguments are those of `open_channel`."""
    chosen = _chosen(target, options)
    if credentials is None:
        return grpc.aio.insecure_channel(target, options=chosen)
    return grpc.aio.secure_channel(target, credentials, options=chosen)


def _chosen(
    target: str, options: Sequence[tuple[str, str | int]] | None
) -> list[tuple[str, str | int]]:
    chosen = channel_options() if options is None else list(options)
    # gRPC asks a proxy of the environment for this machine, too, unless no_proxy says otherwise.
    return [*chosen, ("grpc.enable_http_proxy", 0)] if Target(target).is_local else chosen
