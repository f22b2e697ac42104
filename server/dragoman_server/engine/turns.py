"""Shares the cores between the engines of all models: who steps next.

An engine's thread takes a turn before it steps, so that no more threads compute than there are
cores, however many models are loaded. Where more want a turn than there is room for, the model goes
first that had the least of the cores, weight counted: fair queueing, the step being what is shared.
A model without work wants no turn and takes no time.

Knows threads, seconds and weights. Does not know what a step does.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

QUANTUM_SECONDS = 0.03
"""By which a model may be ahead before another gets its turn: to change threads costs something,
and so does the other's weights' way into the caches of the core. Two busy models make 91 % of the
translations of one with 5 ms, and 99 % with 30."""


@dataclass(eq=False, slots=True)
class Share:
    """What one model has of the cores, and had."""

    weight: float = 1.0
    """Beside a model of weight 1 it gets so many times the processor time."""
    threads: int = 1
    """Cores that a step of it keeps busy."""
    used: float = 0.0
    """Seconds of cores over the weight; what others had meanwhile counts for one that was idle."""
    active: int = 0
    """Its threads that have a turn or want one."""


class Request:
    """Of a thread, for a turn."""

    def __init__(self, share: Share) -> None:
        self.share = share
        self._turn = threading.Lock()
        self._turn.acquire()

    def is_granted(self) -> bool:
        """Whether the thread has its turn."""
        return not self._turn.locked()

    def grant(self) -> None:
        """Lets the thread have it."""
        self._turn.release()

    def wait(self) -> None:
        """Blocks until it is granted."""
        self._turn.acquire()


class Turns:
    """Hands the cores out. Thread-safe.

    Args:
        cores: Threads that may compute at the same time.
    """

    def __init__(self, cores: int) -> None:
        self._cores = self._free = cores
        self._shares: set[Share] = set()
        """Of the models that are not idle."""
        self._left_at = 0.0
        """The most that one had used when it became idle."""
        self._waiting: list[Request] = []
        self._lock = threading.Lock()

    def ask(self, share: Share) -> Request:
        """Asks for a turn, for the model to run a step."""
        request = Request(share)
        with self._lock:
            self._wake(share)
            self._waiting.append(request)
            self._grant()
        return request

    def goes_on(self, share: Share, seconds: float) -> bool:
        """Counts a step that took so long; False where the turn is over, as another is behind."""
        with self._lock:
            self._count(share, seconds)
            most = share.used - QUANTUM_SECONDS
            if all(other.share.used >= most for other in self._waiting):
                return True
            self._end(share)
            return False

    def give_back(self, share: Share, seconds: float) -> None:
        """Ends a turn whose last step took so long: there is nothing more to do."""
        with self._lock:
            self._count(share, seconds)
            self._end(share)

    def _wake(self, share: Share) -> None:
        if not share.active:
            # An idle model saves nothing up: it would keep the others from the cores later.
            now = min((other.used for other in self._shares), default=self._left_at)
            share.used = max(share.used, now)
            self._shares.add(share)
        share.active += 1

    def _count(self, share: Share, seconds: float) -> None:
        share.used += seconds * self._cores_of(share) / share.weight

    def _end(self, share: Share) -> None:
        self._free += self._cores_of(share)
        share.active -= 1
        if not share.active:
            self._shares.remove(share)
            self._left_at = max(self._left_at, share.used)
        self._grant()

    def _grant(self) -> None:
        """Gives turns, while there is room, to those who wait of the models that had least."""
        while self._waiting:
            first = min(self._waiting, key=_used)  # of several the one that waits longest
            needed = self._cores_of(first.share)
            if needed > self._free:  # nor for those behind it, or it would wait for ever
                return
            self._free -= needed
            self._waiting.remove(first)
            first.grant()

    def _cores_of(self, share: Share) -> int:
        return min(share.threads, self._cores)


def _used(request: Request) -> float:
    return request.share.used


class Turn:
    """A thread's turn, as a context: it waits for it, and gives back what it still has.

    Args:
        turns: Where it is taken.
        share: The model's.
        clock: Seconds, monotonic.
    """

    def __init__(self, turns: Turns, share: Share, clock: Callable[[], float]) -> None:
        self._turns = turns
        self._share = share
        self._clock = clock
        self._counted_to = 0.0
        self._lasts = False

    def __enter__(self) -> Self:
        self._turns.ask(self._share).wait()
        self._counted_to, self._lasts = self._clock(), True
        return self

    def __exit__(self, *_: object) -> None:
        if self._lasts:
            self._turns.give_back(self._share, self._clock() - self._counted_to)

    def goes_on(self) -> bool:
        """Called after a step: whether there may be another, or it is somebody else's turn."""
        now = self._clock()
        self._lasts = self._turns.goes_on(self._share, now - self._counted_to)
        self._counted_to = now
        return self._lasts
