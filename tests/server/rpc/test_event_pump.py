"""Events reach the event loop, all of them and in order, and never have it to themselves."""

import asyncio
import queue
import threading
from collections.abc import Callable, Iterator

import pytest

from dragoman_server.rpc.event_pump import MOST_AT_ONCE, MOST_IN_VAIN, EventPump


class Numbers:
    """In place of a Core: events are numbers, None its end."""

    def __init__(self, *numbers: int | None) -> None:
        self.events: queue.SimpleQueue[int | None] = queue.SimpleQueue()
        self.times_waited = self.times_looked = 0
        for number in numbers:
            self.events.put(number)

    def next_event(self) -> int | None:
        self.times_waited += 1
        return self.events.get()

    def ready_event(self) -> int | None:
        self.times_looked += 1
        try:
            event = self.events.get_nowait()
        except queue.Empty:
            return None
        if event is None:  # whoever waits is to hear of it
            self.events.put(None)
        return event


async def pumped(
    numbers: Numbers, handle: Callable[[Iterator[int]], None], *, is_busy: bool = False
) -> None:
    pump = EventPump(numbers, handle, lambda: is_busy)
    pump.start()
    await asyncio.wait_for(pump.join(), 10)


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


@pytest.mark.parametrize("is_busy", [False, True])
async def test_whoever_else_has_to_run_does_so_however_much_happens(*, is_busy: bool) -> None:
    told: list[str] = []

    def handle(events: Iterator[int]) -> None:
        told.extend(["event"] * len(list(events)))
        asyncio.get_running_loop().call_soon(told.append, "other")

    await pumped(Numbers(*range(3 * MOST_AT_ONCE), None), handle, is_busy=is_busy)
    assert told == 3 * [*["event"] * MOST_AT_ONCE, "other"]


@pytest.mark.parametrize(("is_busy", "times_waited"), [(False, 52), (True, 2)])
async def test_the_thread_does_not_wait_for_what_comes_soon_to_a_busy_loop(
    *, is_busy: bool, times_waited: int
) -> None:
    loop, numbers, seen = asyncio.get_running_loop(), Numbers(0), list[int]()

    def handle(events: Iterator[int]) -> None:
        seen.extend(events)
        following = seen[-1] + 1 if seen[-1] < 50 else None
        # Two turns of the loop later, when it has looked again in vain.
        loop.call_soon(lambda: loop.call_soon(numbers.events.put, following))

    await pumped(numbers, handle, is_busy=is_busy)
    assert seen == list(range(51))
    assert numbers.times_waited == times_waited


async def test_a_busy_loop_lets_the_thread_wait_once_it_has_looked_in_vain() -> None:
    numbers, seen = Numbers(0, None), list[int]()
    await pumped(numbers, seen.extend, is_busy=True)
    assert seen == [0]
    assert numbers.times_looked == 1 + MOST_IN_VAIN
