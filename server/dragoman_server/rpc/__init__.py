"""Calls over gRPC: HTTP/2 by gRPC's core, and in Python only what is answered.

Knows calls, messages as bytes, statuses and time limits. Does not know what a message says.

grpcio's own servers hand a call to a thread or to two tasks before anybody can refuse it. Here
calls come from the core's completion queue to the event loop, which refuses some at once and makes
tasks of the others once their first message has come. docs/architecture.md has the measurements.
Of grpcio it needs what `grpc.server` is made of, which is no public interface: one module, core.py,
knows it, and the package bounds the versions.
"""

from dragoman_server.rpc.call import NATIVE, Call, Caller, WireCall
from dragoman_server.rpc.handlers import MALFORMED, server_stream, stream, unary
from dragoman_server.rpc.local import LocalCalls, Origin
from dragoman_server.rpc.method import Identify, Method, Presented, Reader, Screen, Unread
from dragoman_server.rpc.open_calls import Limits
from dragoman_server.rpc.server import RpcServer
from dragoman_server.rpc.shares import Tally, why_no_more
from dragoman_server.rpc.sockets import Traffic
from dragoman_server.rpc.status import FAILED, OK, RpcError, Status, Trailers

__all__ = [
    "FAILED",
    "MALFORMED",
    "NATIVE",
    "OK",
    "Call",
    "Caller",
    "Identify",
    "Limits",
    "LocalCalls",
    "Method",
    "Origin",
    "Presented",
    "Reader",
    "RpcError",
    "RpcServer",
    "Screen",
    "Status",
    "Tally",
    "Traffic",
    "Trailers",
    "Unread",
    "WireCall",
    "server_stream",
    "stream",
    "unary",
    "why_no_more",
]
