"""Runs what takes long in a thread of its own, so that those who translate hardly notice.

Knows threads and their priorities. Does not know what is run.
"""

import asyncio
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

NICENESS = 10
"""Engines are at 5: where the processors are busy, translating goes first."""

_Result = TypeVar("_Result")


async def quietly(function: Callable[[], _Result], *, nice: bool) -> _Result:
    """Returns what a function returns, or raises what it raises.

    The thread does not keep the process from ending, as one of asyncio's own would until it is
    done.

    Args:
        function: Runs in a thread of its own.
        nice: Whether the thread stands behind the engines. Threads that it starts, as a library
            does for work that engines wait for, would too.
    """
    result: Future[_Result] = Future()

    def run() -> None:
        if nice:
            os.setpriority(os.PRIO_PROCESS, 0, NICENESS)  # this thread's, on Linux
        try:
            result.set_result(function())
        except BaseException as error:  # noqa: BLE001  somebody waits for it
            result.set_exception(error)

    threading.Thread(target=run, name="loading", daemon=True).start()
    return await asyncio.wrap_future(result)
