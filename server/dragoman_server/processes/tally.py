"""How requests ended, gathered in a front-end process before the engines' process is told.

A server that is asked for far more than it can do refuses thousands of calls a second: to tell of
each would cost more than to refuse it. Knows counts, and what may be added up. Does not know what
they are of.
"""

import asyncio
from collections import Counter
from collections.abc import Callable

from dragoman_server.monitoring import CacheUse, CallerEnded, Ended, GuardUse, Report

TELL_SECONDS = 0.05


class Tally:
    """Counts and tells, on the event loop that it was built on.

    Args:
        tell: Takes what was counted.
    """

    def __init__(self, tell: Callable[[Report], None]) -> None:
        self._tell = tell
        self._loop = asyncio.get_running_loop()
        self._counts: Counter[Report] = Counter()
        self._is_due = False

    def record(self, told: Report) -> None:
        """Counts one; within TELL_SECONDS it is told."""
        self._counts[told] += 1
        if not self._is_due:
            self._is_due = True
            self._loop.call_later(TELL_SECONDS, self.flush)

    def flush(self) -> None:
        """Tells all that was counted."""
        self._is_due = False
        counts, self._counts = self._counts, Counter()
        callers: dict[object, CallerEnded] = {}
        caches: dict[str, CacheUse] = {}
        for told, times in counts.items():
            if isinstance(told, Ended | GuardUse):
                self._tell(told._replace(times=times))
            elif isinstance(told, CallerEnded):
                sum_before = callers.get(told.kind, CallerEnded(*told.kind, times=0))
                callers[told.kind] = sum_before.plus(told, times)
            elif isinstance(told, CacheUse):
                before = caches.get(told.model, CacheUse(told.model, 0, 0, 0))
                caches[told.model] = before.plus(told, times)
            else:
                for _ in range(times):
                    self._tell(told)
        sums: list[Report] = [*callers.values(), *caches.values()]
        for told in sums:
            self._tell(told)
