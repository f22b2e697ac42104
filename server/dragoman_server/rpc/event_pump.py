"""Brings what happens in gRPC's core to the event loop.

A thread waits only while nothing happens: it hands the first event over and rests until the loop
has looked for more in vain. So a busy server takes its calls without changing threads, which costs
more than the calls themselves (docs/architecture.md has the measurements). Where many callers wait
for their answers in any case, the loop looks again a moment later before the thread waits again:
what happens meanwhile is taken all at once.

Knows when to wait. Does not know what the events mean.
"""

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Generic, Protocol, TypeVar

Event = TypeVar("Event")
Event_co = TypeVar("Event_co", covariant=True)

MOST_AT_ONCE = 64
"""Events after which the event loop sees to everything else first."""

REST_SECONDS = 0.001
"""Between two looks of a busy server: next to nothing of the time that its answers take."""

MOST_IN_VAIN = 4
"""Such looks, one after the other, after which the thread waits."""


class EventSource(Protocol[Event_co]):
    """What is needed of a Core."""

    def next_event(self) -> Event_co | None:
        """Blocks until something happens; returns None once nothing will any more."""

    def ready_event(self) -> Event_co | None:
        """Returns what has happened; None where nothing has."""


class EventPump(Generic[Event]):
    """Runs on the event loop that it was built on, until nothing will happen any more.

    Args:
        source: Where events come from.
        handle: Takes those that are there, on the event loop; must take all and not fail.
        is_busy: Whether an event may wait for a moment.
    """

    def __init__(
        self,
        source: EventSource[Event],
        handle: Callable[[Iterator[Event]], None],
        is_busy: Callable[[], bool],
    ) -> None:
        self._source = source
        self._handle = handle
        self._is_busy = is_busy
        self._in_vain = 0
        """Looks of a busy loop since something happened."""
        self._left = MOST_AT_ONCE
        """Events that may still be handled before everything else is seen to."""
        self._loop = asyncio.get_running_loop()
        self._nothing_happens = threading.Lock()
        """Held by the loop while it looks itself."""
        self._nothing_happens.acquire()
        self._thread = threading.Thread(target=self._wait, name="rpc", daemon=True)

    def start(self) -> None:
        """Hands events over from now on."""
        self._thread.start()

    async def join(self) -> None:
        """Returns once there will be no more."""
        await asyncio.to_thread(self._thread.join)

    def _wait(self) -> None:
        """The thread's life."""
        while (event := self._source.next_event()) is not None:
            try:
                self._loop.call_soon_threadsafe(self._pump, event)
            except RuntimeError:  # the loop is closed: nobody listens
                return
            self._nothing_happens.acquire()

    def _pump(self, first: Event | None) -> None:
        event = self._source.ready_event() if first is None else first
        self._left = MOST_AT_ONCE
        if event is not None:
            self._in_vain = 0
            self._handle(self._from(event))
        if self._left and self._in_vain < MOST_IN_VAIN and self._is_busy():
            self._in_vain += 1
            self._loop.call_later(REST_SECONDS, self._pump, None)
        elif event is not None:
            self._loop.call_soon(self._pump, None)
        else:
            self._nothing_happens.release()

    def _from(self, event: Event | None) -> Iterator[Event]:
        while event is not None:
            yield event
            self._left -= 1
            event = self._source.ready_event() if self._left else None
