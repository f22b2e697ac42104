"""Brings what happens in gRPC's core to the event loop.

A thread waits only while nothing happens: it hands the first event over and rests until the loop
has looked for more in vain. So a busy server takes its calls without changing threads, which costs
more than the calls themselves (docs/architecture.md has the measurements).

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
    """

    def __init__(
        self, source: EventSource[Event], handle: Callable[[Iterator[Event]], None]
    ) -> None:
        self._source = source
        self._handle = handle
        self._loop = asyncio.get_running_loop()
        self._nothing_happens = threading.Semaphore(0)
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
        if event is None:
            self._nothing_happens.release()
            return
        self._handle(self._from(event))
        self._loop.call_soon(self._pump, None)

    def _from(self, event: Event | None) -> Iterator[Event]:
        left = MOST_AT_ONCE
        while event is not None:
            yield event
            left -= 1
            event = self._source.ready_event() if left else None
