"""Events reach the event loop, all of them and in order, and never have it to themselves."""

import asyncio
import queue
import threading
from collections.abc import Callable, Iterator

from dragoman_server.rpc.event_pump import MOST_AT_ONCE, EventPump


class Numbers:
    """In place of a Core: events are numbers, None its end."""

    def __init__(self, *numbers: int | None) -> None:
        self.events: queue.SimpleQueue[int | None] = queue.SimpleQueue()
        self.times_waited = 0
        for number in numbers:
            self.events.put(number)

    def next_event(self) -> int | None:
        self.times_waited += 1
        return self.events.get()

    def ready_event(self) -> int | None:
        try:
            event = self.events.get_nowait()
        except queue.Empty:
            return None
        if event is None:  # whoever waits is to hear of it
            self.events.put(None)
        return event


async def pumped(numbers: Numbers, handle: Callable[[Iterator[int]], None]) -> None:
    pump = EventPump(numbers, handle)
    pump.start()
    await asyncio.wait_for(pump.join(), 60)


async def test_events_are_handled_in_order_on_the_loop() -> None:
    numbers, seen, threads = Numbers(), list[int](), set[threading.Thread]()

    def handle(events: Iterator[int]) -> None:
        seen.extend(events)
        threads.add(threading.current_thread())

    pumping = asyncio.create_task(pumped(numbers, handle))
    for number in range(1000):
        numbers.events.put(number)
        if number % 100 == 0:
            await asyncio.sleep(0)
    numbers.events.put(None)
    await pumping
    assert seen == list(range(1000))
    assert threads == {threading.main_thread()}


async def test_the_thread_waits_only_while_nothing_happens() -> None:
    numbers, seen = Numbers(*range(1000), None), list[int]()
    await pumped(numbers, seen.extend)
    assert len(seen) == 1000
    assert numbers.times_waited <= 2


async def test_whoever_else_has_to_run_does_so_however_much_happens() -> None:
    told: list[str] = []

    def handle(events: Iterator[int]) -> None:
        told.extend(["event"] * len(list(events)))
        asyncio.get_running_loop().call_soon(told.append, "other")

    await pumped(Numbers(*range(3 * MOST_AT_ONCE), None), handle)
    assert told == 3 * [*["event"] * MOST_AT_ONCE, "other"]
