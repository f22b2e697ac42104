"""The two priority classes of the queue, and which text goes next.

What is interactive goes before bulk, but while bulk waits it has a share of the work: for what goes
before it, it is owed.

Knows lanes and work. Does not know what runs, nor who is held back why.
"""

from collections.abc import Callable, Collection
from typing import NamedTuple

from dragoman_server.engine.lane import Lane, Work, work_of
from dragoman_server.engine.lanes import ClassSnapshot, Lanes
from dragoman_server.engine.load import PASSED_OVER
from dragoman_server.engine.room import Room
from dragoman_server.engine.sender import Priority, Sender
from dragoman_server.sequence import Sequence

MOST_OWED = 1000
"""Row steps that bulk is owed at most: a few long texts, so that what held it back for long is not
made good at once."""


class Owner(NamedTuple):
    """Whose a sequence is."""

    caller: str
    priority: Priority
    is_light: bool = False
    """Of what runs: whether its caller had little when it was taken."""


class Turn(NamedTuple):
    """Who goes next."""

    lane: Lane
    priority: Priority

    @property
    def sequence(self) -> Sequence:
        """The text."""
        return self.lane.first


class Classes:
    """All that waits, each sequence once.

    Attributes:
        interactive, bulk: The classes.
    """

    def __init__(self) -> None:
        self.interactive, self.bulk = Lanes(), Lanes()
        self._owners: dict[Sequence, Owner] = {}
        self._owed = 0.0
        """Work that bulk, which is waiting, has been passed over for."""

    def __len__(self) -> int:
        return len(self._owners)

    @property
    def rows(self) -> int:
        """Of all sequences."""
        return self.interactive.rows + self.bulk.rows

    @property
    def sequences(self) -> list[Sequence]:
        """All, in no particular order."""
        return list(self._owners)

    def lanes(self, priority: Priority) -> Lanes:
        """Returns those of a class."""
        return self.interactive if priority is Priority.INTERACTIVE else self.bulk

    def check_room(self, texts: int, sender: Sender, size: int) -> None:
        """Raises QueueFullError where a queue of this size has no room for so many more."""
        lane = self.lanes(sender.priority).lane(sender.caller)
        room = Room(size, self.interactive.texts, self.bulk.texts)
        room.check(texts, 0 if lane is None else len(lane), sender.priority)

    def put(self, sequences: Collection[Sequence], sender: Sender) -> None:
        """Adds the sequences of a request, in the order of their turns."""
        lanes, owner = self.lanes(sender.priority), Owner(sender.caller, sender.priority)
        for index, sequence in enumerate(sequences, start=sender.texts_before):
            lanes.put(sequence, sender, index)
            self._owners[sequence] = owner

    def next(self, light: Collection[str] | None) -> Turn | None:
        """Returns whose turn it is; None where it is nobody's.

        Args:
            light: Callers, where only interactive texts of theirs may go.
        """
        lane = self.interactive.next(light)
        if light is None and self.bulk.texts:
            bulk = self.bulk.next()
            assert bulk is not None
            if lane is None or self._owed >= min(work_of(bulk.first), MOST_OWED):
                return Turn(bulk, Priority.BULK)
        return None if lane is None else Turn(lane, Priority.INTERACTIVE)

    def take(self, turn: Turn) -> Work:
        """Takes out the sequence whose turn it is, and counts its work."""
        del self._owners[turn.lane.first]
        work = self.lanes(turn.priority).take(turn.lane)
        if not self.bulk.texts:
            self._owed = 0.0
        elif turn.priority is Priority.INTERACTIVE:
            self._owed = min(self._owed + work.steps * PASSED_OVER, MOST_OWED)
        elif self.interactive.texts:
            self._owed -= work.steps
        return work

    def remove(self, sequence: Sequence) -> Owner | None:
        """Takes out a sequence that nobody will translate; returns whose it was, None if no one's.

        It is left alone where it does not wait.
        """
        owner = self._owners.pop(sequence, None)
        if owner is not None:
            lanes = self.lanes(owner.priority)
            lane = lanes.lane(owner.caller)
            assert lane is not None
            lanes.forget(sequence, lane)
        return owner

    def each(self, look: Callable[[Lanes], ClassSnapshot]) -> tuple[ClassSnapshot, ClassSnapshot]:
        """Looks at what is interactive and at bulk."""
        return look(self.interactive), look(self.bulk)
