"""The engines of a model as who submits texts sees them, wherever they run.

Knows what is asked of them and what they tell. Does not know threads or processes.
"""

import math
from collections.abc import Callable, Iterable
from collections.abc import Sequence as ListOf
from typing import Generic, NamedTuple, Protocol, TypeVar

from dragoman_server.engine.engine import Progress
from dragoman_server.engine.estimators import Line
from dragoman_server.sequence import Sequence


class Reports(NamedTuple):
    """Where engines tell what they have done."""

    deliver: Callable[[Progress], None]
    """Called on any thread, after every step that has something to tell."""
    settle: Callable[[Progress], None]
    """The same, called on the event loop."""
    all_died: Callable[[], None]
    """Called on the event loop where the last engine could not go on."""


class Engines(Protocol):
    """Take texts from one queue, and report each one's outcome exactly once."""

    def __len__(self) -> int:
        """Number of engines."""

    @property
    def rows(self) -> int:
        """Rows in use or about to be, of all of them."""

    @property
    def running(self) -> int:
        """Sequences that hold rows."""

    @property
    def step_costs(self) -> ListOf[Line]:
        """What each one's decoding steps take; see forecast.py."""

    @property
    def step_began_at(self) -> float:
        """When the longest of the steps that run began, by the engines' clock; inf between them."""

    @property
    def healthy(self) -> bool:
        """Whether all of them are alive."""

    async def start(self) -> None:
        """Starts them; returns once all are prepared.

        Raises:
            ConfigError: There is no room for one.
            DragomanError: One could not be prepared.
        """

    def came(self) -> None:
        """Is told, on the event loop, that texts were put into the queue."""

    def cancel(self, sequence: Sequence) -> None:
        """Frees the rows of a sequence that one of them took, before its next step."""

    def close(self) -> None:
        """Lets each end after its running step."""

    async def join(self) -> None:
        """Returns once all have ended, and forgets whom they tell."""


class Member(Protocol):
    """One of several engines, as far as what they are together goes."""

    @property
    def rows(self) -> int:
        """Rows in use or about to be."""

    @property
    def running(self) -> int:
        """Sequences that hold rows."""

    @property
    def step_costs(self) -> Line:
        """What its decoding steps take."""

    @property
    def step_began_at(self) -> float:
        """When the step that runs began; inf between steps."""

    def cancel(self, sequence: Sequence) -> None:
        """Frees the sequence's rows before the next step, if it holds any."""


AnyMember = TypeVar("AnyMember", bound=Member)


class EngineGroup(Generic[AnyMember]):
    """What engines are together, for one of `Engines`; see there."""

    def __init__(self, engines: Iterable[AnyMember]) -> None:
        self._engines = list(engines)

    def __len__(self) -> int:
        return len(self._engines)

    @property
    def rows(self) -> int:
        """Rows in use or about to be, of all of them."""
        return sum(engine.rows for engine in self._engines)

    @property
    def running(self) -> int:
        """Sequences that hold rows."""
        return sum(engine.running for engine in self._engines)

    @property
    def step_costs(self) -> list[Line]:
        """What each one's decoding steps take."""
        return [engine.step_costs for engine in self._engines]

    @property
    def step_began_at(self) -> float:
        """When the longest of the steps that run began; inf between them."""
        return min((engine.step_began_at for engine in self._engines), default=math.inf)

    def cancel(self, sequence: Sequence) -> None:
        """Frees a sequence's rows, whichever engine holds them."""
        for engine in self._engines:
            engine.cancel(sequence)
