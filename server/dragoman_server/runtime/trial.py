"""Decodes nonsense for a moment to see how fast some runners are together."""

import threading
import time
from collections.abc import Sequence

import numpy as np

from dragoman_server.runtime.runner import Runner

ROWS_PER_THREAD = 16
"""Of a runner, at once: all runners together have as many rows, however they share the threads."""
POSITIONS = 32
"""Tokens of the source and of the target, after which it begins again."""


class Trial:
    """Runners that hold the same sentence in each of their rows.

    Args:
        runners: Each runs in a thread of its own.
        rows: Of each. Their caches have room for so many, of POSITIONS positions.
        token_id: What the sentence consists of.
    """

    def __init__(self, runners: Sequence[Runner], rows: int, token_id: int) -> None:
        self._runners = runners
        self._rows = rows
        self._token_id = token_id
        for runner in runners:
            runner.encode([[token_id] * POSITIONS] * rows, 0)

    def rows_per_second(self, seconds: float) -> float:
        """Returns rows decoded per second by all the runners, run for so long."""
        counts = [0] * len(self._runners)
        started = time.perf_counter()
        threads = [
            threading.Thread(target=self._decode, args=(index, counts, started + seconds))
            for index in range(len(self._runners))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return sum(counts) / (time.perf_counter() - started)

    def _decode(self, index: int, counts: list[int], end: float) -> None:
        """Counts in counts[index] the rows that a runner decodes until `end`; one step at least."""
        tokens = np.full(self._rows, self._token_id)
        source_last = np.full(self._rows, POSITIONS - 1, np.int32)
        steps = 0
        while not steps or time.perf_counter() < end:
            self._runners[index].decode(
                tokens,
                np.full(self._rows, steps % POSITIONS, np.int32),
                source_last,
                candidate_count=1,
                with_normalizers=False,
            )
            steps += 1
        counts[index] = steps * self._rows
