"""What a text finds that comes now: how much is served before it, and how much runs beside it.

Knows callers, classes and rows as numbers. Does not know how long anything takes: that is
outlook.py's.
"""

import math
from typing import NamedTuple

from dragoman_server.engine.lane import Work
from dragoman_server.engine.lanes import ClassSnapshot
from dragoman_server.engine.room import check_room, fits_anyway
from dragoman_server.engine.sender import Priority, Sender

BULK_SHARE = 1 / 10
"""Of the work, that bulk has at least while some is waiting: enough that a job of hours ends, and
no more than what one interactive caller of ten has."""

PASSED_OVER = BULK_SHARE / (1 - BULK_SHARE)
"""Work that bulk is owed for each that something interactive has while bulk is waiting."""


class Load(NamedTuple):
    """What there is to do, as a newcomer finds it."""

    rows: int
    """Of sequences that run or wait."""
    waiting_rows: int
    """Of those that wait and have their turn first."""
    waiting_steps: int
    """Decoding steps that these are expected to take, added up over the rows."""
    rows_behind: int = 0
    """Of those that wait and have their turn later."""
    rows_at_once: float = math.inf
    """That run beside the newcomer, at most: some are held back."""
    held_beside: int | None = None
    """Rows that the newcomer is itself held back for, and waits no place of; None where it is
    not."""


class Snapshot(NamedTuple):
    """The queue at a moment."""

    running_rows: int
    """As far as the engines told."""
    interactive: ClassSnapshot
    bulk: ClassSnapshot
    max_queue_size: int
    limit: float = math.inf
    """Rows in all up to which engines take what is held back; inf where nothing is."""
    light_rows: int = 0
    """Of callers who have little, waiting or running."""
    held: frozenset[str] = frozenset()
    """Callers who have much: what they send is held back, and what is bulk."""

    @property
    def waiting_rows(self) -> int:
        """Of all that waits."""
        return self.interactive.waiting.rows + self.bulk.waiting.rows

    def load(self, sender: Sender) -> Load:
        """Returns what a text finds."""
        is_bulk = sender.priority is Priority.BULK
        return self.load_behind(
            (self.bulk if is_bulk else self.interactive).ahead(sender.caller), sender
        )

    def load_behind(self, ahead: Work, sender: Sender) -> Load:
        """Returns what a text finds that has so much of its own class ahead."""
        is_bulk = sender.priority is Priority.BULK
        ahead = self._over_bulk(ahead) if not is_bulk else self._behind_interactive(ahead)
        rows = self.waiting_rows
        load = Load(rows + self.running_rows, *ahead, rows - ahead.rows)
        if self.limit == math.inf:
            return load
        return load._replace(
            rows_at_once=max(self.limit, self.light_rows),
            held_beside=self.light_rows if is_bulk or sender.caller in self.held else None,
        )

    def check_room(self, texts: int, sender: Sender, texts_ahead: int) -> None:
        """Raises QueueFullError where so many do not fit; `texts_ahead` will come first."""
        waiting = self.interactive.texts + self.bulk.texts + texts_ahead
        if fits_anyway(texts, waiting, self.max_queue_size):
            return
        is_bulk = sender.priority is Priority.BULK
        own = (self.bulk if is_bulk else self.interactive).texts_of.get(sender.caller, 0)
        check_room(
            texts,
            own,
            sender.priority,
            size=self.max_queue_size,
            interactive=self.interactive.texts + texts_ahead,
            bulk=self.bulk.texts,
        )

    def _over_bulk(self, ahead: Work) -> Work:
        """Adds what bulk has done meanwhile."""
        return _plus_part(ahead, self.bulk.waiting, most_rows=PASSED_OVER * ahead.rows)

    def _behind_interactive(self, ahead: Work) -> Work:
        """Adds what is done first of all that is interactive."""
        return _plus_part(ahead, self.interactive.waiting, most_rows=(ahead.rows + 1) / PASSED_OVER)


def _plus_part(ahead: Work, others: Work, *, most_rows: float) -> Work:
    """Adds of the others' work so many rows."""
    if not others.rows or not most_rows:
        return ahead
    share = min(1.0, most_rows / others.rows)
    return Work(
        ahead.rows + math.ceil(others.rows * share), ahead.steps + math.ceil(others.steps * share)
    )
