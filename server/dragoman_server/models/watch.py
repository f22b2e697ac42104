"""Says it once in the log when the files of the bundle that is served change.

What is served does not change with them. Knows time; does not know how a change is found out.
"""

import asyncio
import logging
from collections.abc import Callable

_log = logging.getLogger(__name__)

WATCH_SECONDS = 10.0


async def watch_files(changed_files: Callable[[], list[str]]) -> None:
    """Looks again and again, in a thread of its own, as a disk may take its time; never returns."""
    told: list[str] = []
    while True:
        await asyncio.sleep(WATCH_SECONDS)
        changed = await asyncio.to_thread(changed_files)
        if changed != told:
            _log.warning("bundle_changed", extra={"files": changed})
            told = changed
