"""A gRPC server: takes calls from the core, refuses some of them before a task is made of them.

Owns every call until its end. Does not know what the methods do.
"""

import asyncio
import logging
import math
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial

import grpc

from dragoman_server.rpc import core
from dragoman_server.rpc.call import NATIVE, Caller, WireCall
from dragoman_server.rpc.event_pump import EventPump
from dragoman_server.rpc.method import Method, Unread
from dragoman_server.rpc.open_calls import Limits, OpenCalls
from dragoman_server.rpc.shares import Tally
from dragoman_server.rpc.sockets import Traffic, hang_up, limit_unread
from dragoman_server.rpc.status import FAILED, RpcError, Status

_log = logging.getLogger(__name__)

CALLS_ASKED_FOR = 8
"""Of the core, so that it need not keep the next ones while one is looked at."""

SWEEP_SECONDS = 1.0

FLOOD_LOOK_SECONDS = 0.05
"""Between two looks: a process of the same machine sends 5 to 15 MB on a connection meanwhile."""

HUGE = 8
"""Times what is allowed of headers: who sends more in a call is hung up on. gRPC keeps up to 16 MiB
of who has not acknowledged what is allowed, several times over."""

NICENESS = 10
"""Of gRPC's threads, above that of the event loop: where processors are short, what was taken in is
answered before more is read from those who send most."""

_UNIMPLEMENTED = Status(grpc.StatusCode.UNIMPLEMENTED, "there is no such method")
# gRPC holds those to its own limit who acknowledge its settings; others may send 16 MiB.
_LARGE_HEADERS = Status(grpc.StatusCode.RESOURCE_EXHAUSTED, "the call's headers are too large")
_UNREAD = {
    Unread.LATE: grpc.StatusCode.DEADLINE_EXCEEDED,
    Unread.TOO_MANY: grpc.StatusCode.RESOURCE_EXHAUSTED,
    Unread.MALFORMED: grpc.StatusCode.INVALID_ARGUMENT,
}
_LATE = "the request's message did not come in time"
_SLOWEST = "too many messages are on their way, and this call's takes longest"
_EMPTY = Status(grpc.StatusCode.INVALID_ARGUMENT, "the call has no message")


class RpcServer:
    """Serves methods on its ports. Built and started on the event loop that it runs on.

    Args:
        options: gRPC's channel arguments.
        methods: By their paths, `/package.Service/Method`.
        limits: To what is taken in.
        hung_up: Told of each connection that was ended because it sent far more than calls.
    """

    def __init__(
        self,
        options: Iterable[tuple[str, int]],
        methods: Mapping[str, Method],
        *,
        limits: Limits,
        hung_up: Callable[[Traffic], None],
    ) -> None:
        self._core = _built_aside(options)
        self._pump = EventPump(self._core, self._handle_all)
        self._methods = {path.encode(): method for path, method in methods.items()}
        self._loop = asyncio.get_running_loop()
        self._begun = 0
        """Calls whose tasks have not run yet."""
        self._header_bytes = limits.header_bytes
        self._unread_bytes = limits.unread_bytes
        self._calls = OpenCalls(limits)
        self._hung_up = hung_up
        self._ports: set[int] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._has_shut_down = asyncio.Event()
        self._sweep: asyncio.TimerHandle | None = None
        self._swept_at = math.inf
        self._flood_look: asyncio.TimerHandle | None = None
        self._may_look_at = -math.inf

    @property
    def tally(self) -> Tally:
        """Of the calls that are open."""
        return self._calls.tally

    def add_port(self, address: str, credentials: grpc.ServerCredentials | None) -> int:
        """Returns the port that is listened on.

        Raises:
            RuntimeError: It cannot be.
            OSError: There are too many open files.
        """
        port = self._core.add_port(address, credentials)
        if not port:
            raise RuntimeError(f"failed to bind to {address}")
        self._ports.add(port)
        limit_unread({port}, self._unread_bytes)
        return port

    def start(self) -> None:
        """Takes calls from now on."""
        self._core.start()
        for _ in range(CALLS_ASKED_FOR):
            self._core.request_call(self._next_call)
        self._pump.start()
        self._sweep_late()
        self._look_for_floods()

    async def stop(self, grace_seconds: float) -> None:
        """Takes no more calls, and ends those that last longer than allowed."""
        if self._sweep is None:
            return
        self._core.shut_down(lambda _: self._has_shut_down.set())
        with suppress(TimeoutError):
            await asyncio.wait_for(self._has_shut_down.wait(), grace_seconds)
        self._core.cancel_all_calls()
        await self._has_shut_down.wait()
        self._core.close()
        await self._pump.join()
        for timer in (self._sweep, self._flood_look):
            if timer is not None:
                timer.cancel()
        self._sweep = None
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _handle_all(self, events: Iterator[core.Event]) -> None:
        self._begun = 0  # the tasks of before have run since
        for event in events:
            try:
                if event.tag is not None:
                    event.tag(event)
            except Exception:  # noqa: BLE001  one call's failure must not end them all
                _log.exception("call_failed")

    def _next_call(self, event: core.Event) -> None:
        """A call has come, or none will any more."""
        if event.success:
            self._core.request_call(self._next_call)
            self._look_at(event)

    def _refused(self, peer: str, header_bytes: int, event: core.Event) -> None:
        """The core has done with a call that was refused at once."""
        if not core.was_cancelled(event):
            self._calls.refused(peer, header_bytes)

    def _ended(self, call: WireCall, event: core.Event) -> None:
        """The core has done with a call."""
        self._calls.end(call)
        if core.was_cancelled(event):
            call.cancelled()

    def _look_at(self, event: core.Event) -> None:
        """Refuses a call or asks for its first message."""
        inner, details = event.call, event.call_details
        method = self._methods.get(details.method)
        if method is None:
            core.refuse(inner, _UNIMPLEMENTED, None)
            return
        header_bytes = core.header_bytes(event)
        if header_bytes > self._header_bytes:
            core.refuse(inner, _LARGE_HEADERS, None)
            if header_bytes > HUGE * self._header_bytes:
                self._condemn(core.peer_of(inner))
            return
        seconds = core.seconds_left(details)
        caller = self._caller(core.peer_of(inner), seconds, interface=method.interface)
        if method.trace is not None:
            caller = caller._replace(trace=method.trace(core.Presented(event)))
        if method.identify is not None:
            identity = method.identify(caller, core.Presented(event))
            if isinstance(identity, Status):
                core.refuse(inner, identity, partial(self._refused, caller.peer, header_bytes))
                return
            caller = caller._replace(identity=identity)
        if (refusal := self._screen(caller, method)) is not None:
            core.refuse(inner, refusal, partial(self._refused, caller.peer, header_bytes))
            return
        call = WireCall(inner, caller, header_bytes)
        slowest = self._calls.begin(call, method)
        inner.start_server_batch((core.receive_close(),), partial(self._ended, call))
        if method.read is None:
            call.has_request = True
            self._begin(call, method)
            return
        read = partial(self._read, call, method)
        inner.start_server_batch((core.receive_message(),), read)
        if slowest is not None:
            self._end_unread(slowest, Unread.TOO_MANY, _SLOWEST)

    def _screen(self, caller: Caller, method: Method) -> Status | None:
        if method.screen is not None and (refusal := method.screen(caller)) is not None:
            return refusal
        if method.read is not None:
            return None
        why = self._calls.why_no_more_streams(caller.peer)
        return None if why is None else _unread(method, caller, Unread.TOO_MANY, why)

    def _read(self, call: WireCall, method: Method, event: core.Event) -> None:
        """Refuses a call whose message is there, or lets it be answered."""
        self._calls.message_came(call)
        if call.is_over:
            return
        message = core.message_of(event)
        call.received_bytes = len(message or b"")
        if message is None:  # nobody listens either, where the client has gone
            call.finish(_EMPTY)
            return
        assert method.read is not None
        call.request = method.read(self._caller_of(call), message)
        if isinstance(call.request, Status):
            call.finish(call.request)
        else:
            call.has_request = True
            self._begin(call, method)

    def _caller_of(self, call: WireCall) -> Caller:
        """Returns who makes a call that has begun, as things are now."""
        seconds = call.time_remaining()
        return self._caller(call.peer, seconds, call.identity, call.trace, call.interface)

    def _caller(
        self,
        peer: str,
        seconds: float | None,
        identity: object = None,
        trace: object = None,
        interface: str = NATIVE,
    ) -> Caller:
        own, total = self._calls.of(peer), self._calls.total
        return Caller(peer, seconds, self._begun, own, total, identity, trace, interface)

    def _end_unread(self, call: WireCall, why: Unread, text: str) -> None:
        self._calls.message_came(call)
        if not call.is_over:
            call.finish(_unread(self._calls.method_of(call), self._caller_of(call), why, text))

    def _begin(self, call: WireCall, method: Method) -> None:
        self._begun += 1
        task = self._loop.create_task(_answer(call, method))
        call.task = task
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _sweep_late(self) -> None:
        """Ends the calls whose message does not come, and those whose end is not taken."""
        now = time.monotonic()
        if (stood_still := now - self._swept_at - SWEEP_SECONDS) > SWEEP_SECONDS:
            self._calls.forgive(stood_still)
        self._swept_at = now
        for call in self._calls.late():
            if call.is_over:
                call.drop()
            else:
                self._end_unread(call, Unread.LATE, _LATE)
        self._sweep = self._loop.call_later(SWEEP_SECONDS, self._sweep_late)

    def _condemn(self, peer: str) -> None:
        """Hangs up on a connection: at once, unless that takes more than a sixth of the time."""
        self._calls.condemn(peer)
        if self._loop.time() >= self._may_look_at:
            self._look_for_floods()

    def _look_for_floods(self) -> None:
        """Hangs up on connections that flood; by itself it takes a fiftieth of the time at most.

        Of the thread's own: who waits for a processor, as in a flood, is not to look later for it.
        """
        if self._flood_look is not None:
            self._flood_look.cancel()
        began_at = time.thread_time()
        with suppress(OSError):  # too many open files: another time
            for connection in list(self._calls.flooding(self._ports)):
                self._end(connection)
        cost = time.thread_time() - began_at
        self._may_look_at = self._loop.time() + 5 * cost
        delay = max(FLOOD_LOOK_SECONDS, 50 * cost)
        self._flood_look = self._loop.call_later(delay, self._look_for_floods)

    def _end(self, connection: Traffic) -> None:
        try:
            hang_up(connection, self._ports)
        except OSError:  # too many open files
            self._calls.spared(connection)
        else:
            self._hung_up(connection)


async def _answer(call: WireCall, method: Method) -> None:
    try:
        await method.handle(call)
    except RpcError as error:
        call.finish(error.status)
    except Exception:  # noqa: BLE001  whatever it is, the client is to be told
        _log.exception("call_failed")
        call.finish(FAILED)


def _unread(method: Method, caller: Caller, why: Unread, text: str) -> Status:
    if method.unread is None:
        return Status(_UNREAD[why], text)
    return method.unread(caller, why, text)


def _built_aside(options: Iterable[tuple[str, int]]) -> core.Core:
    """Returns a core whose threads have the niceness of the one that built it (Linux)."""

    def build() -> core.Core:
        os.setpriority(os.PRIO_PROCESS, 0, os.getpriority(os.PRIO_PROCESS, 0) + NICENESS)
        return core.Core(options)

    with ThreadPoolExecutor(max_workers=1) as aside:
        return aside.submit(build).result()
