"""Calls of the server's methods from within it, for clients that come another way than over gRPC.

They go the way of every other call: it is asked who makes them, they are screened, read and
answered by the same methods, and counted among the calls of the wire. Knows messages as bytes.
Does not know which way their clients come.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

import grpc

from dragoman_server.rpc.call import Call, Caller
from dragoman_server.rpc.method import Method, Presented, Unread
from dragoman_server.rpc.shares import Tally, why_no_more
from dragoman_server.rpc.status import FAILED, OK, RpcError, Status

_log = logging.getLogger(__name__)

LATE = Status(grpc.StatusCode.DEADLINE_EXCEEDED, "the call's deadline passed")


class Origin(NamedTuple):
    """Where a call comes from."""

    peer: str
    """The other end of the connection, as of a Caller."""
    interface: str
    """Through which interface of the server."""
    presented: Presented
    """Who makes it."""
    seconds: float | None = None
    """Until its deadline; None where it has none."""
    identity: object = None
    """What the method's `identify` would make of that, where it is known already."""


class LocalCall(Call):
    """What a handler is given of such a call.

    Args:
        caller: Who makes it.
        requests: Messages of a stream; None of a unary call.

    Attributes:
        status: How it ended; None while it has not.
    """

    def __init__(self, caller: Caller, requests: AsyncIterator[bytes] | None = None) -> None:
        super().__init__(caller)
        self.status: Status | None = None
        self.answer = b""
        """The last message."""
        self._requests = requests
        self._written: asyncio.Queue[bytes | None] = asyncio.Queue(maxsize=1)

    async def read(self) -> bytes | None:
        """See Call."""
        return None if self._requests is None else await anext(self._requests, None)

    async def write(self, message: bytes) -> None:
        """See Call."""
        await self._written.put(message)

    def finish(self, status: Status = OK, message: bytes | None = None) -> None:
        """See Call."""
        if not self.is_over:
            self.is_over = True
            self.status, self.answer = status, message or b""

    async def close(self) -> None:
        """No message will be written any more."""
        await self._written.put(None)

    async def written(self) -> bytes | None:
        """Returns the next message that was written; None where none comes any more."""
        return await self._written.get()


class LocalCalls:
    """Makes them.

    Args:
        methods: By their paths, `/package.Service/Method`.
        tally: Of the calls that are open, those of the wire among them.
        streams: Most streams at once.
    """

    def __init__(self, methods: Mapping[str, Method], tally: Tally, *, streams: int) -> None:
        self._methods = methods
        self._tally = tally
        self._streams = Tally()
        self._most_streams = streams

    def refuse(self, path: str, origin: Origin, why: Unread, text: str) -> None:
        """Counts what was refused before it was a call, as the wire's are that nobody has read."""
        method = self._methods[path]
        if method.unread is not None:
            method.unread(self._caller(origin), why, text)

    async def unary(self, path: str, message: bytes, origin: Origin) -> bytes:
        """Returns what a method answers; cancelling it gives the call up.

        Raises:
            RpcError: It was refused or failed, with the status that the wire would have.
        """
        method = self._methods[path]
        caller = self._admitted(method, origin)
        assert method.read is not None
        call = LocalCall(caller)
        with self._open(self._tally, origin.peer):
            call.request = method.read(caller, message)
            if isinstance(call.request, Status):
                raise RpcError(call.request)
            await _answer(method, call, origin.seconds)
        return _result(call)

    async def stream(
        self, path: str, requests: AsyncIterator[bytes], origin: Origin
    ) -> AsyncGenerator[bytes, None]:
        """Yields what a method answers to a stream; closing it gives the call up.

        Raises:
            RpcError: As `unary`, after what was answered before.
        """
        method = self._methods[path]
        caller, peer = self._admitted(method, origin), origin.peer
        own, total = self._streams.of(peer), self._streams.total
        why = why_no_more(own, total, most=self._most_streams, what="streams")
        if why is not None:
            raise RpcError(Status(grpc.StatusCode.RESOURCE_EXHAUSTED, why))
        call = LocalCall(caller, requests)

        async def answer() -> None:
            try:
                await _answer(method, call, origin.seconds)
            except RpcError as error:
                call.finish(error.status)
            await call.close()

        with self._open(self._tally, peer), self._open(self._streams, peer):
            task = asyncio.create_task(answer())
            try:
                while (message := await call.written()) is not None:
                    yield message
                await task
            finally:
                task.cancel()
                await asyncio.wait((task,))
        _result(call)

    def _admitted(self, method: Method, origin: Origin) -> Caller:
        """Returns who makes a call, or raises RpcError."""
        caller = self._caller(origin)
        if method.trace is not None:
            caller = caller._replace(trace=method.trace(origin.presented))
        if origin.identity is not None:
            caller = caller._replace(identity=origin.identity)
        elif method.identify is not None:
            identity = method.identify(caller, origin.presented)
            if isinstance(identity, Status):
                raise RpcError(identity)
            caller = caller._replace(identity=identity)
        if method.screen is not None and (refusal := method.screen(caller)) is not None:
            raise RpcError(refusal)
        return caller

    def _caller(self, origin: Origin) -> Caller:
        peer = origin.peer
        caller = Caller(peer, origin.seconds, 0, self._tally.of(peer), self._tally.total)
        return caller._replace(interface=origin.interface)

    @contextmanager
    def _open(self, tally: Tally, peer: str) -> Iterator[None]:
        tally.add(peer)
        try:
            yield
        finally:
            tally.remove(peer)


async def _answer(method: Method, call: LocalCall, seconds: float | None) -> None:
    try:
        async with asyncio.timeout(seconds):
            await method.handle(call)
    except RpcError:
        raise
    except TimeoutError:
        raise RpcError(LATE) from None
    except Exception:  # noqa: BLE001  whatever it is, the client is to be told
        _log.exception("call_failed")
        raise RpcError(FAILED) from None


def _result(call: LocalCall) -> bytes:
    assert call.status is not None
    if call.status.code is not grpc.StatusCode.OK:
        raise RpcError(call.status)
    return call.answer
