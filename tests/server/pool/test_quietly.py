"""What takes long runs behind those who translate."""

import os
import threading

import pytest

from dragoman_server.pool.quietly import NICENESS, quietly


async def test_it_returns_what_the_function_returns() -> None:
    assert await quietly(lambda: 3, nice=False) == 3


async def test_it_raises_what_the_function_raises() -> None:
    def fail() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await quietly(fail, nice=True)


@pytest.mark.parametrize("nice", [True, False])
async def test_its_thread_stands_back_and_lets_the_process_end(*, nice: bool) -> None:
    before = os.getpriority(os.PRIO_PROCESS, 0)

    def look() -> tuple[int, bool]:
        return os.getpriority(os.PRIO_PROCESS, 0), threading.current_thread().daemon

    assert await quietly(look, nice=nice) == (NICENESS if nice else before, True)
    assert os.getpriority(os.PRIO_PROCESS, 0) == before
