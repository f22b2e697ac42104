"""What an engine in a process of its own is given, and when it begins with it.

The owner of the queue gives it as much as it has rows for and encodes at once. Knows sequences;
does not know where they come from.
"""

import threading
from collections.abc import Callable
from typing import NamedTuple

from dragoman_server.engine import Decision
from dragoman_server.engine.scheduler import Alternation
from dragoman_server.engine.waiting_queue import Taken
from dragoman_server.sequence import Sequence


class Opened(NamedTuple):
    """A batch that left the inbox."""

    newcomers: list[Sequence]
    cancelled: list[Sequence]


class Inbox:
    """Batches that wait for the engine. Thread-safe."""

    def __init__(self) -> None:
        self._batches: list[list[Sequence]] = []
        self._cancelled: set[Sequence] = set()
        """Of those that wait."""
        self._changed = threading.Condition()
        self.is_closed = False
        """Whether the engine is to begin with nothing more."""

    def put(self, batch: list[Sequence]) -> None:
        """Adds sequences that are to be encoded together."""
        with self._changed:
            self._batches.append(batch)
            self._changed.notify()

    def take(self) -> Opened | None:
        """Takes the first batch; None where none waits."""
        if not self._batches:  # what comes this instant is seen at the next step
            return None
        with self._changed:
            batch = self._batches.pop(0)
            cancelled = [each for each in batch if each in self._cancelled]
            self._cancelled.difference_update(cancelled)
        return Opened([each for each in batch if each not in cancelled], cancelled)

    def cancel(self, sequence: Sequence) -> None:
        """Notes that nobody waits for a sequence any longer, if it is here."""
        with self._changed:
            if any(sequence in batch for batch in self._batches):
                self._cancelled.add(sequence)

    def close(self) -> None:
        """Ends what the engine is about."""
        with self._changed:
            self.is_closed = True
            self._changed.notify()

    def wait(self) -> bool:
        """Blocks until there is a batch; returns False once it is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._batches or self.is_closed)
        return not self.is_closed


class InboxScheduler:
    """A Scheduler whose newcomers another process has chosen.

    Args:
        inbox: Where they wait.
        begun: Told what was cancelled of a batch with which it begins: there is room in the inbox
            for the next.
        stepped: Told what a decoding step took, with all that came between it and the one before.
        decided: Called once it is known what comes next, before that is run.
    """

    def __init__(
        self,
        inbox: Inbox,
        *,
        begun: Callable[[list[Sequence]], None],
        stepped: Callable[[float], None],
        decided: Callable[[], None],
    ) -> None:
        self._inbox = inbox
        self._begun = begun
        self._stepped = stepped
        self._decided = decided
        self._alternation = Alternation(self._take)

    def schedule(self, running_rows: int, now: float) -> Decision:
        """Returns what to run while `running_rows` rows are held."""
        decision = self._alternation.schedule(running_rows, now)
        self._decided()
        return decision

    def observe_step(self, rows: int, seconds: float) -> None:  # noqa: ARG002
        """Passes on what a step took."""
        self._stepped(seconds)

    def freed(self, sequences: list[Sequence], now: float) -> None:
        """The owner of the queue is told by reports."""

    def _take(self, running_rows: int, now: float) -> Taken:  # noqa: ARG002  there is room
        opened = self._inbox.take()
        if opened is None:
            return Taken([], [])
        self._begun(opened.cancelled)
        newcomers = [sequence for sequence in opened.newcomers if sequence.deadline > now]
        return Taken(newcomers, [each for each in opened.newcomers if each.deadline <= now])
