"""What takes too long ends, each at its own time, and nothing else does."""

import asyncio

import pytest

from dragoman_server.service.timeouts import Timeouts


async def in_a_while(seconds: float) -> None:
    came = asyncio.Event()
    asyncio.get_running_loop().call_later(seconds, came.set)
    await came.wait()


async def forever(timeouts: Timeouts) -> None:
    with timeouts.timeout():
        await asyncio.Event().wait()


async def test_what_takes_too_long_ends_with_a_timeout() -> None:
    with pytest.raises(TimeoutError):
        await forever(Timeouts(0.01))


async def test_all_that_run_side_by_side_end_each_at_its_time() -> None:
    loop, timeouts, ended = asyncio.get_running_loop(), Timeouts(0.02), list[tuple[int, float]]()

    async def one(number: int) -> None:
        due = loop.time() + 0.02
        with pytest.raises(TimeoutError):
            await forever(timeouts)
        ended.append((number, loop.time() - due))

    tasks = []
    for number in range(3):
        tasks.append(asyncio.create_task(one(number)))
        await in_a_while(0.005)
    await asyncio.gather(*tasks)
    assert [number for number, _ in ended] == [0, 1, 2]
    assert all(late >= -0.001 for _, late in ended)


async def test_what_ends_in_time_is_left_alone() -> None:
    timeouts = Timeouts(0.01)
    with timeouts.timeout():
        pass
    await in_a_while(0.02)
    task = asyncio.current_task()
    assert task is not None
    assert not task.cancelling()
    with pytest.raises(TimeoutError):  # and the next one ends
        await forever(timeouts)


async def test_who_is_cancelled_by_another_is_told_so() -> None:
    task = asyncio.create_task(forever(Timeouts(60.0)))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_who_is_cancelled_by_another_as_its_time_is_over_is_told_so() -> None:
    async def waits() -> None:
        with Timeouts(0.01).timeout():
            try:
                await asyncio.Event().wait()
            finally:
                task.cancel()

    task = asyncio.create_task(waits())
    with pytest.raises(asyncio.CancelledError):
        await task
    assert task.cancelled()


async def test_another_error_stays_what_it_is() -> None:
    async def fails() -> None:
        with Timeouts(0.01).timeout():
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                raise ValueError("mine") from None

    with pytest.raises(ValueError, match="mine"):
        await fails()
