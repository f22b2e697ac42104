"""The two priority classes of the queue, and which text goes next.

What is interactive goes before bulk, but while bulk waits it has a share of the work: for what goes
before it, it is owed.

Knows lanes and work. Does not know what runs, nor who is held back why.
"""

from collections.abc import Callable, Collection

from dragoman_server.engine.lane import Lane, Work, work_of
from dragoman_server.engine.lanes import ClassSnapshot, Lanes
from dragoman_server.engine.load import PASSED_OVER
from dragoman_server.engine.room import check_room, fits_anyway
from dragoman_server.engine.sender import Priority, Sender
from dragoman_server.sequence import Sequence

MOST_OWED = 1000
"""Row steps that bulk is owed at most: a few long texts, so that what held it back for long is not
made good at once."""


class Classes:
    """All that waits.

    Attributes:
        interactive, bulk: The classes.
    """

    def __init__(self) -> None:
        self.interactive, self.bulk = Lanes(), Lanes()
        self._owed = 0.0
        """Work that bulk, which is waiting, has been passed over for."""

    def __len__(self) -> int:
        return self.interactive.texts + self.bulk.texts

    @property
    def rows(self) -> int:
        """Of all sequences."""
        return self.interactive.rows + self.bulk.rows

    @property
    def sequences(self) -> list[Sequence]:
        """All, in no particular order."""
        return [*self.interactive.sequences, *self.bulk.sequences]

    def lanes(self, priority: Priority) -> Lanes:
        """Returns those of a class."""
        return self.interactive if priority is Priority.INTERACTIVE else self.bulk

    def check_room(self, texts: int, sender: Sender, size: int) -> None:
        """Raises QueueFullError where a queue of this size has no room for so many more."""
        if fits_anyway(texts, len(self), size):
            return
        lane = self.lanes(sender.priority).lane(sender.caller)
        check_room(
            texts,
            0 if lane is None else len(lane),
            sender.priority,
            size=size,
            interactive=self.interactive.texts,
            bulk=self.bulk.texts,
        )

    def put(self, sequences: Collection[Sequence], sender: Sender) -> Work:
        """Adds the sequences of a request, in the order of their turns; returns their work."""
        return self.lanes(sender.priority).put(sequences, sender)

    def next(self, light: Collection[str] | None = None) -> Lane | None:
        """Returns the lane whose turn it is; None where it is nobody's.

        Args:
            light: Callers, where only interactive texts of theirs may go.
        """
        lane = self.interactive.next(light)
        if light is None and self.bulk.texts:
            bulk = self.bulk.next()
            assert bulk is not None
            if lane is None or self._owed >= min(work_of(bulk.first), MOST_OWED):
                return bulk
        return lane

    def take(self, lane: Lane) -> Work:
        """Takes out the first sequence of the lane whose turn it is, and counts its work."""
        is_interactive = lane.priority is Priority.INTERACTIVE
        work = (self.interactive if is_interactive else self.bulk).take(lane)
        if not self.bulk.texts:
            self._owed = 0.0
        elif is_interactive:
            self._owed = min(self._owed + work.steps * PASSED_OVER, MOST_OWED)
        elif self.interactive.texts:
            self._owed -= work.steps
        return work

    def remove(self, sequence: Sequence) -> Lane | None:
        """Takes out a sequence that nobody will translate; returns its lane.

        None where it does not wait.
        """
        lane = self.interactive.forget(sequence)
        return self.bulk.forget(sequence) if lane is None else lane

    def each(self, look: Callable[[Lanes], ClassSnapshot]) -> tuple[ClassSnapshot, ClassSnapshot]:
        """Looks at what is interactive and at bulk."""
        return look(self.interactive), look(self.bulk)
