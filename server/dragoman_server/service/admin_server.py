"""The port of the AdminService: its own, with the same certificates and the same keys.

Knows what it takes to listen. Does not know what the service does.
"""

import asyncio
import logging
from collections.abc import Callable

from dragoman_server.access import Access, watch
from dragoman_server.config import Config
from dragoman_server.monitoring import Report
from dragoman_server.rpc import RpcServer
from dragoman_server.service.admin import AdminService, BundleAdministration
from dragoman_server.service.gate import Gate
from dragoman_server.service.guard import CallGuard
from dragoman_server.service.outcomes import Outcomes
from dragoman_server.service.server import FLUSH_SECONDS, add_port, make_server, probe_port
from dragoman_server.service.tls import load_certificates

_log = logging.getLogger(__name__)

CALLS = 16
"""At a time; each may load a model."""

CONNECTIONS = 64

_REFUSED = ("UNAUTHENTICATED", "PERMISSION_DENIED")


class AdminServer:
    """Listens for administrators. Built and started on the event loop that it runs on.

    Args:
        config: Where it listens, and who may do what.
        administration: Does what they ask for.
        record: Told of each file that was read anew. Calls count in no metric.
        access: Of a front end in this process, which looks at its files; None where there is none,
            or it has none.
    """

    def __init__(
        self,
        config: Config,
        administration: BundleAdministration,
        record: Callable[[Report], None],
        access: Access | None,
    ) -> None:
        self._config = config
        self._administration = administration
        self._record = record
        self._access = access
        self._server: RpcServer | None = None
        self._watching: asyncio.Task[None] | None = None

    async def start(self) -> str:
        """Starts to listen, and returns the address.

        Raises:
            ConfigError: The port is taken, or a file of keys or certificates is wrong.
        """
        config = self._config
        assert config.admin_port is not None
        own = Access.of(config) if self._access is None else None
        certificates = load_certificates(config)
        guard = CallGuard(Gate(max_calls=CALLS), Outcomes(_tell_refusal), self._access or own)
        service = AdminService(self._administration, guard)
        probe_port(config.admin_host, config.admin_port)
        self._server = make_server(config, service.methods(), CONNECTIONS, lambda _: None)
        credentials = certificates.credentials() if certificates else None
        port = add_port(self._server, config.admin_host, config.admin_port, credentials)
        self._server.start()
        files = [*(own.files if own else ()), *([certificates.files] if certificates else ())]
        self._watching = asyncio.create_task(watch(files, self._record))
        return f"{config.admin_host}:{port}"

    async def close(self) -> None:
        """Closes the port and every connection; does nothing if not started."""
        if self._watching is not None:
            self._watching.cancel()
        if self._server is not None:
            await self._server.stop(FLUSH_SECONDS)


def _tell_refusal(ended: Report) -> None:
    """Logs who was not let in; of everybody else the service tells."""
    code = getattr(ended, "code", "")
    if code in _REFUSED:
        _log.warning("audit_refused", extra={"code": code})
