"""The texts of one caller that wait, in the order of their turns.

Knows rows, steps and turns. Does not know other callers: waiting_queue.py chooses between them.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable
from typing import NamedTuple, TypeAlias

from dragoman_server.engine.sender import Sender
from dragoman_server.sequence import Sequence

SPACING = 4
"""A request of many texts is served as if they came one by one, each when so many texts of the
caller's had been taken since the one before. So one of a single text does not wait for all of a
large one that came first, and the large one has its share beside any number of small ones. Where no
other request waits, spacing changes nothing."""


Place: TypeAlias = tuple[int, int]
"""Where a sequence stands: its turn, which is how many texts of the lane were taken by then at the
least, and its arrival. Who has the same turn is served in order of arrival."""


class Work(NamedTuple):
    """What sequences ask for."""

    rows: int
    steps: int
    """Decoding steps that they are expected to take, added up over the rows."""


class Lane:
    """What one caller has waiting in one class.

    Attributes:
        caller, priority: Whose it is, and of which class.
        served: Virtual time: work that was taken from here, as far as it counts against the caller,
            over the caller's weight.
        rows, steps: Of all that waits.
    """

    def __init__(self, sender: Sender, served: float) -> None:
        self.caller, self.priority = sender.caller, sender.priority
        self.served = served
        self._weight = sender.weight
        self.rows = self.steps = 0
        self._taken = self._arrived = 0
        self._order: list[tuple[int, int, Sequence]] = []
        """Places and who stands there, in order."""
        self._places: dict[Sequence, Place] = {}

    def __len__(self) -> int:
        return len(self._order)

    def __contains__(self, sequence: Sequence) -> bool:
        return sequence in self._places

    @property
    def first(self) -> Sequence:
        """The sequence whose turn is next."""
        return self._order[0][-1]

    @property
    def sequences(self) -> list[Sequence]:
        """All, in order."""
        return [sequence for *_, sequence in self._order]

    def put(self, sequences: Iterable[Sequence], texts_before: int) -> Work:
        """Adds sequences of a request, with so many of it before them; returns their work."""
        rows = steps = 0
        for index, sequence in enumerate(sequences, start=texts_before):
            place = (self._taken + SPACING * index, self._arrived)
            self._arrived += 1
            self._places[sequence] = place
            insort(self._order, (*place, sequence))
            sequence_rows = sequence.rows
            rows += sequence_rows
            steps += sequence_rows * sequence.expected_steps
        self.rows += rows
        self.steps += steps
        return Work(rows, steps)

    def take(self) -> Work:
        """Takes the first out and counts its work, which is returned, against the caller."""
        sequence = self._order.pop(0)[-1]
        del self._places[sequence]
        rows = sequence.rows
        steps = rows * sequence.expected_steps
        self.rows -= rows
        self.steps -= steps
        self._taken += 1
        self.served += steps / self._weight
        return Work(rows, steps)

    def forget(self, sequence: Sequence) -> Work:
        """Takes a sequence out that nobody will translate; returns its work."""
        del self._order[bisect_left(self._order, self._places.pop(sequence))]
        rows = sequence.rows
        work = Work(rows, rows * sequence.expected_steps)
        self.rows -= rows
        self.steps -= work.steps
        return work

    def ahead(self, texts_before: int) -> Work:
        """Returns what has its turn before a text that comes now."""
        turn = self._taken + SPACING * texts_before
        first_behind = bisect_left(self._order, (turn + 1,))
        behind = self._order[first_behind:]
        if not behind:
            return Work(self.rows, self.steps)
        if len(behind) < first_behind:
            rows, steps = _add_up(behind)
            return Work(self.rows - rows, self.steps - steps)
        return _add_up(self._order[:first_behind])


def work_of(sequence: Sequence) -> int:
    """Returns the decoding steps that a sequence will probably take, added up over its rows."""
    return sequence.rows * sequence.expected_steps


def _add_up(places: list[tuple[int, int, Sequence]]) -> Work:
    rows = steps = 0
    for *_, sequence in places:
        rows += sequence.rows
        steps += work_of(sequence)
    return Work(rows, steps)
