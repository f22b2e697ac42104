"""How a call ends, in gRPC's terms."""

from typing import NamedTuple, TypeAlias

import grpc

Trailers: TypeAlias = tuple[tuple[str, str | bytes], ...]
"""Trailing metadata."""


class Status(NamedTuple):
    """What a client is told at a call's end."""

    code: grpc.StatusCode
    details: str = ""
    trailers: Trailers = ()


OK = Status(grpc.StatusCode.OK)
FAILED = Status(grpc.StatusCode.INTERNAL, "the server failed; its log says why")
"""Of what is a bug of ours."""


class RpcError(Exception):
    """Ends the call whose handler raises it with a status."""

    def __init__(self, status: Status) -> None:
        super().__init__(status.details)
        self.status = status
