"""The grpc server around the service: options, ports, health and reflection.

Knows what grpc is told to allow and where it listens. Does not know when to start or stop:
application.py decides.
"""

import socket

import grpc
from grpc import aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from dragoman_server.config import Config
from dragoman_server.errors import ConfigError
from dragoman_server.guard import SERVICE_NAME, CallGuard
from dragoman_server.service import TranslationService
from dragoman_server.tls import load_credentials

# Time for the last answers to leave once every call has ended.
FLUSH_SECONDS = 1.0

_HEALTH_NAMES = ("", SERVICE_NAME)


class GrpcServer:
    """Listens for calls. Built and started on the event loop that it runs on.

    Where it shares its port, others may listen there too: the system hands each connection to one
    of them.
    """

    def __init__(
        self,
        config: Config,
        service: TranslationService,
        guard: CallGuard,
        *,
        shares_port: bool = False,
    ) -> None:
        self._config = config
        self._shares_port = shares_port
        self._service = service
        self._guard = guard
        self._health = health.aio.HealthServicer()
        self._server: aio.Server | None = None

    async def start(self) -> int:
        """Starts to listen, not yet serving, and returns the port.

        Raises:
            ConfigError: The port is taken, or a TLS file is unreadable or wrong.
        """
        credentials = load_credentials(self._config)
        server = aio.server(options=_options(self._config, shares_port=self._shares_port))
        self._guard.add(self._service, server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        names = (SERVICE_NAME, health.SERVICE_NAME, reflection.SERVICE_NAME)
        reflection.enable_server_reflection(names, server)
        if not self._shares_port:
            probe_port(self._config.host, self._config.port)
        port = _listen(server, self._config, credentials)
        await self.set_serving(serving=False)
        await server.start()
        self._server = server
        return port

    async def set_serving(self, *, serving: bool) -> None:
        """Tells health checks whether to send requests here."""
        states = health_pb2.HealthCheckResponse
        state = states.SERVING if serving else states.NOT_SERVING
        for name in _HEALTH_NAMES:
            await self._health.set(name, state)

    async def stop(self) -> None:
        """Closes the port and every connection; does nothing if not started."""
        if self._server is not None:
            await self._server.stop(FLUSH_SECONDS)


def _options(config: Config, *, shares_port: bool) -> list[tuple[str, int]]:
    options = [
        # Else a second server on the port is an error, not a partner.
        ("grpc.so_reuseport", int(shares_port)),
        ("grpc.max_receive_message_length", config.max_message_bytes),
        # Clients may ping idle connections every 10 s; a silent one is closed after 60 + 20 s.
        ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.keepalive_time_ms", 60_000),
        ("grpc.keepalive_timeout_ms", 20_000),
    ]
    if config.max_connection_age_seconds is not None:
        age_ms = round(config.max_connection_age_seconds * 1000)
        options.append(("grpc.max_connection_age_ms", age_ms))
    return options


def _listen(server: aio.Server, config: Config, credentials: grpc.ServerCredentials | None) -> int:
    address = _address(config.host, config.port)
    try:
        if credentials is None:
            return server.add_insecure_port(address)
        return server.add_secure_port(address, credentials)
    except RuntimeError as error:
        raise ConfigError(f"gRPC cannot listen on {address}: {error}") from None


def probe_port(host: str, port: int) -> None:
    """Tries whether the address can be listened on; grpc's own error does not say why it cannot.

    Raises:
        ConfigError: It cannot.
    """
    with _bound(host, port):
        pass


def reserve_port(host: str, port: int) -> socket.socket:
    """Returns a socket, bound but not listening, that keeps a port for those who share it.

    Raises:
        ConfigError: Somebody listens there, or the address cannot be listened on.
    """
    probe_port(host, port)
    return _bound(host, port, shared=True)


def _bound(host: str, port: int, *, shared: bool = False) -> socket.socket:
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
            f"gRPC cannot listen on {_address(host, port)}: {error.strerror}"
        ) from None
    return bound


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
