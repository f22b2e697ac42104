"""The grpc server around the service: options, ports, health and reflection.

Knows what grpc is told to allow and where it listens. Does not know when to start or stop:
application.py decides.
"""

import asyncio
import logging
import socket
from collections.abc import Callable, Mapping

import grpc
from grpc_health.v1.health import SERVICE_NAME as HEALTH_NAME
from grpc_reflection.v1alpha import reflection, reflection_pb2

from dragoman_server.access import Access
from dragoman_server.config import Config
from dragoman_server.errors import ConfigError
from dragoman_server.rpc import Limits, Method, RpcServer, Tally, Traffic, stream
from dragoman_server.service.health import Health, HealthService
from dragoman_server.service.service import SERVICE_NAME, TranslationService
from dragoman_server.service.tls import Certificates, load_certificates

_log = logging.getLogger(__name__)

GRPC = "gRPC"

# Time for the last answers to leave once every call has ended.
FLUSH_SECONDS = 1.0

LEAST_STREAMS = 64

# For a connection that says nothing, or not what gRPC says.
HANDSHAKE_MS = 10_000

# Of health_port.
HEALTH_CONNECTIONS = 64

# Bit 0 of grpc's algorithms. A call that names another ends with UNIMPLEMENTED, and is told that
# only `identity` is accepted.
UNCOMPRESSED_ALONE = 1

INCOMING_BYTES = 48 << 20
"""Of all the messages that are on their way, where each is as large as it may be."""

LEAST_INCOMING = 16
"""Messages that may be on their way however large each may be."""

RECEIVED_BYTES = 32 << 10
"""Of a connection, that nobody has looked at yet."""

ANY_NUMBER = (1 << 31) - 1

READ_BYTES = 64 << 10
"""That gRPC sets aside for its next read of a connection; of its own accord it doubles it as long
as more comes than it reads."""

FRAME_BYTES = 16 << 10
"""Of HTTP/2: the least that may be asked for. Of a larger one the core would read all at once."""

UNREAD_BYTES = 16 << 10
"""That a stream may send before its message is asked for; larger ones take one more round trip."""


class GrpcServer:
    """Listens for calls. Built and started on the event loop that it runs on.

    `flooded` is told of each connection that was closed because it sent far more than calls;
    `interfaces` are methods of other services on top of this one;
    `access` says who calls, where callers must say so: health answers everybody, but some more.
    Where it shares its port, others may listen there too: the system hands each connection to one
    of them.
    """

    def __init__(
        self,
        config: Config,
        service: TranslationService,
        flooded: Callable[[], None],
        *,
        interfaces: Mapping[str, Method] | None = None,
        access: Access | None = None,
        shares_port: bool = False,
    ) -> None:
        self._config = config
        self._shares_port = shares_port
        self._service = service
        self._flooded = flooded
        self._interfaces = interfaces or {}
        self._health = HealthService(access)
        self._servers: list[RpcServer] = []
        self.certificates: Certificates | None = None
        """Once started, where it has any."""

    async def start(self) -> int:
        """Starts to listen, not yet serving, and returns the port.

        Raises:
            ConfigError: A port is taken, or a TLS file is unreadable or wrong.
        """
        config = self._config
        credentials = None
        self.certificates = load_certificates(config)
        if self.certificates is not None:
            credentials = self.certificates.credentials()
        self.tell_health(Health(ready=False))
        health = self._health.methods()
        methods = self._service.methods() | dict(self._interfaces) | health
        methods |= self._service.for_the_known(_reflection())
        port = await self._listen(config.port, methods, credentials, config.max_connections)
        if config.health_port is not None:
            await self._listen(config.health_port, health, None, HEALTH_CONNECTIONS)
        return port

    @property
    def tally(self) -> Tally:
        """Of the calls that are open, once started."""
        return self._servers[0].tally

    def tell_health(self, health: Health) -> None:
        """Tells health checks how the server is."""
        self._health.tell(health)

    async def stop(self) -> None:
        """Closes the ports and every connection; does nothing if not started."""
        self._health.close()
        await asyncio.gather(*(server.stop(FLUSH_SECONDS) for server in self._servers))

    async def _listen(
        self,
        port: int,
        methods: dict[str, Method],
        credentials: grpc.ServerCredentials | None,
        connections: int,
    ) -> int:
        config = self._config
        if not self._shares_port:
            probe_port(config.host, port)
        server = make_server(
            config, methods, connections, self._tell_flood, shares_port=self._shares_port
        )
        self._servers.append(server)
        port = add_port(server, config.host, port, credentials)
        server.start()
        return port

    def _tell_flood(self, traffic: Traffic) -> None:
        _log.warning("connection_flooded", extra=traffic._asdict())
        self._flooded()


def make_server(
    config: Config,
    methods: dict[str, Method],
    connections: int,
    hung_up: Callable[[Traffic], None],
    *,
    shares_port: bool = False,
) -> RpcServer:
    """Returns a server of these methods, by the settings, that listens nowhere yet."""
    return RpcServer(
        _options(config, connections, shares_port=shares_port),
        methods,
        limits=Limits(
            message_timeout_seconds=config.message_timeout_seconds,
            incoming=max(LEAST_INCOMING, INCOMING_BYTES // config.message_bytes),
            message_bytes=config.message_bytes,
            header_bytes=config.max_header_bytes,
            streams=config.max_concurrent_streams,
            unread_bytes=RECEIVED_BYTES,
        ),
        hung_up=hung_up,
    )


def _reflection() -> dict[str, Method]:
    names = (SERVICE_NAME, HEALTH_NAME, reflection.SERVICE_NAME)
    servicer = reflection.aio.ReflectionServicer(names)
    # Its stub says that it returns a coroutine; it is a generator.
    answers = stream(
        reflection_pb2.ServerReflectionRequest,
        servicer.ServerReflectionInfo,  # type: ignore[arg-type]
    )
    return {f"/{reflection.SERVICE_NAME}/ServerReflectionInfo": answers}


def streams_per_connection(config: Config) -> int:
    """Returns the most calls that a connection may have open; gRPC's clients keep the others."""
    return max(LEAST_STREAMS, config.max_concurrent_requests // 8)


def _options(config: Config, connections: int, *, shares_port: bool) -> list[tuple[str, int]]:
    options = [
        # Else a second server on the port is an error, not a partner.
        ("grpc.so_reuseport", int(shares_port)),
        ("grpc.max_receive_message_length", config.message_bytes),
        ("grpc.max_allowed_incoming_connections", connections),
        ("grpc.server_handshake_timeout_ms", HANDSHAKE_MS),
        # Of requests: the length above is looked at once a message is unpacked to any size.
        ("grpc.compression_enabled_algorithms_bitset", UNCOMPRESSED_ALONE),
        ("grpc.max_concurrent_streams", streams_per_connection(config)),
        # Calls that wait for the event loop. Beyond 1,000 gRPC ends new ones by chance,
        # whoever makes them, with CANCELLED, from 1.82 on.
        ("grpc.server.max_pending_requests", ANY_NUMBER),
        ("grpc.server.max_pending_requests_hard_limit", ANY_NUMBER),
        # The first alone is a limit beyond which gRPC refuses some calls by chance.
        ("grpc.max_metadata_size", config.max_header_bytes),
        ("grpc.absolute_max_metadata_size", config.max_header_bytes),
        ("grpc.http2.max_frame_size", FRAME_BYTES),
        # Until it has acknowledged the limits they do not hold for a connection.
        ("grpc.http2.settings_timeout", HANDSHAKE_MS),
        # To close a connection for its many pings costs 2.5 kB for each that comes meanwhile;
        # to answer them costs little, as no more is read while 10,000 answers wait.
        ("grpc.http2.max_ping_strikes", 0),
        # What a stream may send before anybody reads it; gRPC would allow megabytes.
        ("grpc.http2.lookahead_bytes", UNREAD_BYTES),
        ("grpc.http2.bdp_probe", 0),
        # gRPC before 1.84 does not know it.
        ("grpc.experimental.tcp_max_read_buffer_size", READ_BYTES),
        # A silent connection is closed after 60 + 20 s.
        ("grpc.keepalive_time_ms", 60_000),
        ("grpc.keepalive_timeout_ms", 20_000),
    ]
    for name in ("age", "idle"):
        seconds: float | None = getattr(config, f"max_connection_{name}_seconds")
        if seconds is not None:
            options.append((f"grpc.max_connection_{name}_ms", round(seconds * 1000)))
    return options


def add_port(
    server: RpcServer, host: str, port: int, credentials: grpc.ServerCredentials | None
) -> int:
    """Lets a server listen, and returns the port.

    Raises:
        ConfigError: It cannot.
    """
    address = _address(host, port)
    try:
        return server.add_port(address, credentials)
    except RuntimeError as error:
        raise ConfigError(f"gRPC cannot listen on {address}: {error}") from None


def probe_port(host: str, port: int) -> None:
    """Tries whether the address can be listened on; grpc's own error does not say why it cannot.

    Raises:
        ConfigError: It cannot.
    """
    with bind_port(host, port):
        pass


def reserve_port(host: str, port: int, *, server: str = GRPC) -> socket.socket:
    """Returns a socket, bound but not listening, that keeps a port for those who share it.

    Args:
        host: Address.
        port: 0 lets the system choose.
        server: Who is to listen there, for errors.

    Raises:
        ConfigError: Somebody listens there, or the address cannot be listened on.
    """
    with bind_port(host, port, server=server):
        pass
    return bind_port(host, port, shared=True, server=server)


def bind_port(host: str, port: int, *, shared: bool = False, server: str = GRPC) -> socket.socket:
    """Returns a socket that is bound, alone or with others who share the port.

    Raises:
        ConfigError: It cannot be.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM
        )[0]
        bound = socket.socket(family, kind, protocol)
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, int(shared))
            bound.bind(address)
        except OSError:
            bound.close()
            raise
    except OSError as error:
        raise ConfigError(
            f"{server} cannot listen on {_address(host, port)}: {error.strerror}"
        ) from None
    return bound


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
