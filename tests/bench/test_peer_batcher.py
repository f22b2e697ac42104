import asyncio
import threading
from collections.abc import AsyncIterator, Sequence

import pytest

from tests.bench.peer_batcher import Batcher

LONG = 3600.0
"""No test waits until a batch is due by delay."""


class Shouting:
    """Turns texts into upper case once the test lets it."""

    def __init__(self) -> None:
        self.batches: list[tuple[str, str]] = []
        self.open = threading.Event()
        self._begun = threading.Semaphore(0)

    def __call__(self, items: Sequence[str], options: str) -> list[str]:
        self.batches.append(("".join(items), options))
        self._begun.release()
        self.open.wait()
        if "!" in items:
            raise ValueError("a text that no one can shout")
        return [item.upper() for item in items]

    async def has_begun(self, batches: int) -> None:
        for _ in range(batches):
            await asyncio.to_thread(self._begun.acquire)


Shouts = Batcher[str, str, str]


async def started(shouting: Shouting, size: int, delay: float, workers: int = 1) -> Shouts:
    batcher: Shouts = Batcher(
        shouting, workers=workers, max_batch_size=size, max_delay_seconds=delay
    )
    batcher.start()
    return batcher


def call(batcher: Shouts, items: str, options: str = "") -> "asyncio.Task[list[str]]":
    return asyncio.get_running_loop().create_task(batcher.run(items, options))


async def put(batcher: Shouts, *calls: str) -> "list[asyncio.Task[list[str]]]":
    """Starts calls in turn; their items wait when it returns."""
    tasks = [call(batcher, items) for items in calls]
    await asyncio.sleep(0)
    return tasks


@pytest.fixture
async def shouting() -> AsyncIterator[Shouting]:
    """Lets every batch end when the test does."""
    fake = Shouting()
    yield fake
    fake.open.set()


async def test_every_caller_gets_the_results_of_its_own_items(shouting: Shouting) -> None:
    shouting.open.set()
    batcher = await started(shouting, size=3, delay=0, workers=2)
    calls = ["ab", "c", "defghijk", "l", "mnopqrs", ""] * 20
    results = await asyncio.gather(*(batcher.run(items, "") for items in calls))
    assert ["".join(result) for result in results] == [items.upper() for items in calls]
    assert max(len(items) for items, _ in shouting.batches) == 3
    await batcher.close()


async def test_what_comes_while_all_workers_are_busy_shares_a_batch(shouting: Shouting) -> None:
    batcher = await started(shouting, size=4, delay=0)
    tasks = await put(batcher, "a")
    await shouting.has_begun(1)
    tasks += await put(batcher, "b", "cd", "e", "f")
    assert batcher.waiting == 5
    shouting.open.set()
    assert await asyncio.gather(*tasks) == [["A"], ["B"], ["C", "D"], ["E"], ["F"]]
    assert [items for items, _ in shouting.batches] == ["a", "bcde", "f"]
    await batcher.close()


async def test_every_free_worker_takes_a_batch(shouting: Shouting) -> None:
    batcher = await started(shouting, size=2, delay=LONG, workers=2)
    tasks = await put(batcher, "abcdef")
    await shouting.has_begun(2)
    assert batcher.waiting == 2  # no more at once than there are workers
    shouting.open.set()
    assert await asyncio.gather(*tasks) == [list("ABCDEF")]
    await batcher.close()


async def test_a_free_worker_waits_for_a_full_batch(shouting: Shouting) -> None:
    shouting.open.set()
    batcher = await started(shouting, size=2, delay=LONG, workers=2)
    tasks = await put(batcher, "a")
    tasks += await put(batcher, "b")
    assert await asyncio.gather(*tasks) == [["A"], ["B"]]
    assert shouting.batches == [("ab", "")]
    await batcher.close()


async def test_a_free_worker_waits_no_longer_than_the_delay(shouting: Shouting) -> None:
    shouting.open.set()
    batcher = await started(shouting, size=2, delay=0.001)
    assert await batcher.run("a", "") == ["A"]
    await batcher.close()


async def test_options_share_no_batch(shouting: Shouting) -> None:
    batcher = await started(shouting, size=2, delay=0)
    tasks = await put(batcher, "-")
    await shouting.has_begun(1)
    tasks += [call(batcher, "ab"[index % 2], "xy"[index % 2]) for index in range(4)]
    await asyncio.sleep(0)
    shouting.open.set()
    await asyncio.gather(*tasks)
    assert shouting.batches == [("-", ""), ("aa", "x"), ("bb", "y")]
    await batcher.close()


async def test_a_failure_fails_its_batch_and_no_other(shouting: Shouting) -> None:
    batcher = await started(shouting, size=2, delay=0)
    tasks = await put(batcher, "-")
    await shouting.has_begun(1)
    tasks += await put(batcher, "a", "!bcd", "e")
    shouting.open.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(result) for result in results] == [list, ValueError, ValueError, list]
    assert await batcher.run("f", "") == ["F"]
    await batcher.close()


async def test_what_is_cancelled_is_not_begun(shouting: Shouting) -> None:
    batcher = await started(shouting, size=2, delay=0)
    running, gone, kept = await put(batcher, "ab", "cd", "e")
    await shouting.has_begun(1)
    gone.cancel()
    running.cancel()
    await asyncio.wait([gone, running])
    assert batcher.waiting == 1
    shouting.open.set()
    assert await kept == ["E"]
    assert [items for items, _ in shouting.batches] == ["ab", "e"]
    await batcher.close()


async def test_closing_waits_for_the_batches_that_run(shouting: Shouting) -> None:
    batcher = await started(shouting, size=1, delay=0)
    running, waiting = await put(batcher, "a", "b")
    await shouting.has_begun(1)
    closing = asyncio.get_running_loop().create_task(batcher.close())
    await asyncio.sleep(0)
    shouting.open.set()
    await closing
    assert await running == ["A"]
    assert shouting.batches == [("a", "")]
    waiting.cancel()
