"""A name server on the loopback, whose one name has the addresses that the test says."""

from types import TracebackType
from typing import Self

from dnslib import QTYPE, RR, A, DNSRecord
from dnslib.server import BaseResolver, DNSHandler, DNSLogger, DNSServer

NAME = "dragoman-headless.test"
TTL_SECONDS = 1


class Names(BaseResolver):  # type: ignore[misc]  # no type information in the package
    """Answers while its context is open.

    Attributes:
        addresses: Those of NAME now.
    """

    def __init__(self, *addresses: str) -> None:
        self.addresses = list(addresses)
        self._server = DNSServer(self, address="127.0.0.1", port=0, logger=DNSLogger("error"))

    def target(self, port: int) -> str:
        """What a gRPC client is given to find a port at NAME's addresses."""
        own = self._server.server.server_address[1]
        return f"dns://127.0.0.1:{own}/{NAME}:{port}"

    def resolve(self, request: DNSRecord, handler: DNSHandler) -> DNSRecord:
        """See BaseResolver."""
        del handler
        reply = request.reply()
        if request.q.qtype == QTYPE.A and str(request.q.qname) == f"{NAME}.":
            for address in self.addresses:
                reply.add_answer(RR(NAME, QTYPE.A, ttl=TTL_SECONDS, rdata=A(address)))
        return reply

    def __enter__(self) -> Self:
        self._server.start_thread()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.stop()
        self._server.server.server_close()
        self._server.thread.join()
