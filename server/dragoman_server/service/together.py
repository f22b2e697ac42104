"""Has several requests answered side by side, all of them or none.

Knows coroutines. Does not know what they do.
"""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

T = TypeVar("T")


async def all_or_none(
    coroutines: Iterable[Coroutine[Any, Any, T]], *, at_once: int | None = None
) -> list[T]:
    """Returns what the coroutines return, in their order.

    The first error of one, or nobody waiting any more, cancels all the others.

    Args:
        coroutines: Each is a task of its own.
        at_once: Begun before others have their turn on the event loop; all where absent.
    """
    tasks: list[asyncio.Task[T]] = []
    try:
        for coroutine in coroutines:
            tasks.append(asyncio.create_task(coroutine))
            if at_once is not None and len(tasks) % at_once == 0:
                await asyncio.sleep(0)
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
