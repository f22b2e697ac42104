"""The one queue that all engines take from: bounded, first come, first served.

Knows rows and tokens as numbers; knows nothing of models, time or I/O.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterable

from dragoman_server.errors import QueueFullError
from dragoman_server.sequence import Sequence

RETRY_AFTER_SECONDS = 0.5


class WaitingQueue:
    """Thread-safe. A sequence that was put is taken once or removed once."""

    def __init__(self, *, max_queue_size: int, engines: int) -> None:
        self._max_queue_size = max_queue_size
        self._waiting: OrderedDict[Sequence, None] = OrderedDict()
        self._waiting_rows = 0
        self._running_rows = [0] * engines
        self._changed = threading.Condition()
        self._closed = False

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, sequences: Iterable[Sequence]) -> None:
        """Adds all the sequences or none.

        Raises:
            QueueFullError: together they do not fit.
        """
        batch = list(sequences)
        with self._changed:
            waiting = len(self._waiting)
            if waiting + len(batch) > self._max_queue_size:
                raise QueueFullError(
                    f"the queue has no room for {len(batch)} more texts: "
                    f"{waiting} of at most {self._max_queue_size} are waiting",
                    retry_after_seconds=RETRY_AFTER_SECONDS,
                )
            for sequence in batch:
                self._waiting[sequence] = None
                self._waiting_rows += sequence.rows
            self._changed.notify_all()

    def take(
        self,
        engine: int,
        *,
        running_rows: int,
        free_rows: int,
        max_tokens: int,
        worthwhile_rows: int = 0,
    ) -> list[Sequence]:
        """Takes what `engine` should encode next: its fair share, in order of arrival.

        The share levels the engines' rows, so that a burst never lands on one engine while another
        idles. At least one sequence is taken, however long, where a row is free and due.

        Args:
            engine: Index of the engine that asks.
            running_rows: Rows that it holds now.
            free_rows: Rows that it could take.
            max_tokens: Most source tokens to encode at once.
            worthwhile_rows: Where more is waiting than fits, an engine that is running takes
                nothing until so many rows are free.
        """
        # Without the lock: what comes this instant is seen at the next step.
        waiting_rows = self._waiting_rows
        if not waiting_rows or (running_rows and free_rows < min(worthwhile_rows, waiting_rows)):
            self._running_rows[engine] = running_rows
            return []
        with self._changed:
            self._running_rows[engine] = running_rows
            share = self._fair_rows() - running_rows
            taken: list[Sequence] = []
            while self._waiting and share > 0:
                sequence = next(iter(self._waiting))
                if sequence.rows > free_rows:
                    break
                if taken and (sequence.rows > share or len(sequence.source_ids) > max_tokens):
                    break
                self._forget(sequence)
                taken.append(sequence)
                free_rows -= sequence.rows
                share -= sequence.rows
                max_tokens -= len(sequence.source_ids)
                self._running_rows[engine] += sequence.rows
            return taken

    def remove(self, sequence: Sequence) -> bool:
        """Takes a cancelled sequence out; False where an engine has it already."""
        with self._changed:
            if sequence not in self._waiting:
                return False
            self._forget(sequence)
            return True

    def wait(self) -> bool:
        """Blocks until a sequence is waiting; False once the queue is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._waiting)
            return not self._closed

    def close(self) -> list[Sequence]:
        """Lets no engine wait any longer; returns what was still waiting."""
        with self._changed:
            self._closed = True
            left = list(self._waiting)
            self._waiting.clear()
            self._waiting_rows = 0
            self._changed.notify_all()
            return left

    def _forget(self, sequence: Sequence) -> None:
        del self._waiting[sequence]
        self._waiting_rows -= sequence.rows

    def _fair_rows(self) -> int:
        return -(-(self._waiting_rows + sum(self._running_rows)) // len(self._running_rows))
