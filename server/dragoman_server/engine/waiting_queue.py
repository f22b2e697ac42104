"""The one queue that all engines take from: bounded, and fair between callers.

Each caller's texts are in a lane of their own, one for each priority; lanes.py says which lane goes
next. So who sends much waits for himself, and who sends little hardly waits for others. Bulk has
its turn where nothing interactive may be taken, and else a share of the work.

What runs beside a text slows it as well. While callers with little to do are there (demand.py),
texts of others are held back: an engine takes them only up to so many rows in all as it says.

Knows rows, tokens and moments as numbers; knows nothing of models, clocks or I/O.
"""

import math
import threading
from collections.abc import Callable, Iterable
from typing import NamedTuple

from dragoman_server.engine.classes import Classes
from dragoman_server.engine.demand import Demand
from dragoman_server.engine.headroom import Headroom
from dragoman_server.engine.lane import Lane
from dragoman_server.engine.lanes import ClassSnapshot, Lanes
from dragoman_server.engine.load import BULK_SHARE, Load, Snapshot
from dragoman_server.engine.sender import ANYBODY, Priority, Sender
from dragoman_server.sequence import Sequence

WORTHWHILE_SHARE = 1 / 8
"""Of the rows up to which an engine takes texts that are held back, so many are to be free before
it takes any: an encoder run for one or two costs nearly as much as for several."""

HELD_TOKENS_SHARE = 1 / 8
"""Of the source tokens that are encoded at once, for texts that are held back: an encoder run is a
pause for everybody."""


class Taken(NamedTuple):
    """What left the queue."""

    newcomers: list[Sequence]
    """To be encoded now."""
    expired: list[Sequence]
    """Their deadline passed while they waited; the engine tells of their end."""


class WaitingQueue:
    """Thread-safe. A sequence that was put is taken once or removed once.

    Engines tell of what they took when it has left its rows.
    """

    def __init__(self, *, max_queue_size: int, engines: int) -> None:
        self._max_queue_size = max_queue_size
        self._waiting = Classes()
        self._running: list[dict[Sequence, tuple[Lane, bool]]] = [{} for _ in range(engines)]
        """Where each waited, and whether its caller had little when it was taken."""
        self._running_rows = [0] * engines
        """As the engines told."""
        self._light_rows = [0] * engines
        """Of those that run, of callers who had little."""
        self._limits = [math.inf] * engines
        """Rows up to which each engine took last what is held back."""
        self._demand = Demand()
        """For interactive texts; what is bulk is always held back."""
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._waiters = 0
        """Engines that wait for texts."""
        self._closed = False

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def bulk_waiting(self) -> int:
        """Texts of bulk that wait."""
        return self._waiting.bulk.texts

    @property
    def bulk_running(self) -> int:
        """Texts of bulk that engines took and have not told the end of."""
        with self._lock:
            lanes = [lane for running in self._running for lane, _ in running.values()]
        return sum(lane.priority is Priority.BULK for lane in lanes)

    def light_rows(self, engine: int) -> int:
        """Returns the rows of an engine that are of callers who have little."""
        return self._light_rows[engine]

    def load(self, sender: Sender = ANYBODY, texts_before: int = 0) -> Load:
        """Returns what a text finds that comes now, and as far as the engines told, what runs.

        Args:
            sender: Whose it is.
            texts_before: Texts of the same request that have their turns before.
        """
        with self._lock:
            waiting, running = self._waiting, sum(self._running_rows)
            is_held = math.inf not in self._limits
            if not (waiting.rows or is_held):
                return Load(running, 0, 0)
            lanes = waiting.lanes(sender.priority)
            ahead = lanes.ahead(sender.caller, sender.texts_before + texts_before)
            if not is_held and lanes.rows == waiting.rows:  # there is only this class
                return Load(lanes.rows + running, *ahead, lanes.rows - ahead.rows)
            return self._snapshot(Lanes.totals).load_behind(ahead, sender)

    def snapshot(self) -> Snapshot:
        """Returns what callers find that come now."""
        with self._lock:
            return self._snapshot(Lanes.snapshot)

    def put(self, sequences: Iterable[Sequence], sender: Sender = ANYBODY) -> None:
        """Adds all the sequences of a request, or none.

        Args:
            sequences: In the order of their turns.
            sender: Whose they are; where `comes_with_others`, `wake` is to follow.

        Raises:
            QueueFullError: together they do not fit, or leave others too little room.
        """
        batch = list(sequences)
        if not batch:
            return
        with self._lock:
            self._waiting.check_room(len(batch), sender, self._max_queue_size)
            rows = self._waiting.put(batch, sender).rows
            if sender.priority is Priority.INTERACTIVE:
                self._demand.add(sender.caller, rows, batch[0].arrived_at, sender.weight)
            if self._waiters and not sender.comes_with_others:
                self._changed.notify_all()

    def wake(self) -> None:
        """Lets engines that wait see what was put without waking them."""
        with self._lock:
            if self._waiters:
                self._changed.notify_all()

    def take(
        self,
        engine: int,
        *,
        running_rows: int,
        free_rows: int,
        max_tokens: int,
        worthwhile_rows: int = 0,
        headroom: Headroom | None = None,
        now: float = -math.inf,
    ) -> Taken:
        """Takes what `engine` should encode next: its fair share, in order of their turns.

        The share levels the engines' rows, so that a burst never lands on one engine while another
        idles. At least one sequence is taken, however long, where a row is free and due. What is
        next and has expired is dropped instead.

        Args:
            engine: Index of the engine that asks.
            running_rows: Rows that it holds now.
            free_rows: Rows that it could take.
            max_tokens: Most source tokens to encode at once.
            worthwhile_rows: Where more is waiting than fits, an engine that is running takes
                nothing until so many rows are free.
            headroom: How far it takes what is held back; None without limit.
            now: Sequences whose deadline is no later have expired.
        """
        # Without the lock: what comes this instant is seen at the next step.
        self._running_rows[engine] = running_rows
        waiting, demand = self._waiting, self._demand
        waiting_rows = waiting.rows
        is_too_early = running_rows and free_rows < min(worthwhile_rows, waiting_rows)
        may_hold = self._may_hold
        if not waiting_rows or (is_too_early and not may_hold):
            self._limits[engine] = math.inf
            return Taken([], [])
        with self._lock:
            is_held = may_hold and demand.any_with_little(now)
            self._limits[engine] = headroom.rows() if headroom and is_held else math.inf
            light_rows = self._light_waiting_rows if is_held else 0
            if is_too_early and not (light_rows and free_rows >= min(worthwhile_rows, light_rows)):
                return Taken([], [])
            due = self._due(headroom) if headroom and is_held else 0.0
            return self._take(engine, free_rows, max_tokens, now, due=due)

    def least_free_rows(self, worthwhile_rows: int, now: float) -> int:
        """Returns how many rows an engine that is running has free at least, where it takes any.

        Args:
            worthwhile_rows: See `take`.
            now: Likewise.
        """
        with self._lock:
            is_held = self._may_hold and self._demand.any_with_little(now)
            return 1 if is_held else min(worthwhile_rows, self._waiting.rows)

    def freed(self, engine: int, sequences: Iterable[Sequence], now: float = -math.inf) -> None:
        """Is told that an engine's rows are free again that were these sequences'."""
        with self._lock:
            running = self._running[engine]
            for sequence in sequences:
                lane, was_light = running.pop(sequence, (None, False))
                if lane is None:
                    continue
                rows = sequence.rows
                self._running_rows[engine] -= rows
                if lane.priority is Priority.INTERACTIVE:
                    self._demand.remove(lane.caller, rows, now)
                if was_light:
                    self._light_rows[engine] -= rows

    def remove(self, sequence: Sequence) -> bool:
        """Takes a cancelled sequence out; False where an engine has it already."""
        with self._lock:
            return self._drop(sequence)

    def wait(self) -> bool:
        """Blocks until a sequence is waiting; False once the queue is closed."""
        with self._lock:
            self._waiters += 1
            self._changed.wait_for(lambda: self._closed or len(self._waiting))
            self._waiters -= 1
            return not self._closed

    def close(self) -> list[Sequence]:
        """Lets no engine wait any longer; returns what was still waiting."""
        with self._lock:
            self._closed = True
            left = self._waiting.sequences
            self._waiting = Classes()
            self._changed.notify_all()
            return left

    @property
    def _may_hold(self) -> bool:
        """Whether some of what waits may be held back."""
        return bool(self._waiting.bulk.rows or self._demand.callers_with_much)

    def _take(
        self, engine: int, free_rows: int, max_tokens: int, now: float, *, due: float
    ) -> Taken:
        taken = Taken([], [])
        newcomers, demand = taken.newcomers, self._demand
        waiting, limit = self._waiting, self._limits[engine]
        is_held = limit < math.inf
        held_tokens = max_tokens if limit == math.inf else int(max_tokens * HELD_TOKENS_SHARE)
        begins = self._running_rows[engine] <= limit * (1 - WORTHWHILE_SHARE)
        fair = self._fair_rows(waiting.rows)
        while True:
            lane = self._next(engine, begins=begins, due=due) if is_held else waiting.next()
            if lane is None:
                return taken
            sequence = lane.first
            if sequence.deadline <= now:
                self._drop(sequence, now)
                taken.expired.append(sequence)
                fair = self._fair_rows(waiting.rows)
                continue
            rows, source_ids = sequence.rows, sequence.source_ids
            tokens = len(source_ids)
            if newcomers and newcomers[-1].source_ids == source_ids:
                tokens = 0  # encoded once for both
            is_interactive = lane.priority is Priority.INTERACTIVE
            is_light = is_interactive and demand.has_little(lane.caller)
            share = fair
            if is_light and is_held:
                share = self._fair_rows(max(self._light_waiting_rows, rows))
            share -= self._running_rows[engine]
            if share <= 0 or rows > free_rows:
                return taken
            most_tokens = max_tokens if is_light else min(max_tokens, held_tokens)
            if newcomers and (rows > share or tokens > most_tokens):
                return taken
            waiting.take(lane)
            self._running[engine][sequence] = (lane, is_light)
            self._running_rows[engine] += rows
            if is_light:
                self._light_rows[engine] += rows
            newcomers.append(sequence)
            free_rows -= rows
            max_tokens -= tokens
            held_tokens -= 0 if is_light else tokens

    def _next(self, engine: int, *, begins: bool, due: float) -> Lane | None:
        """Returns the lane that goes next, where an engine has room for some only.

        Args:
            engine: Its index.
            begins: Whether the room that it has for what is held back is worthwhile.
            due: Share of the work that is due to what is held back; 0 where it had it.
        """
        running, limit = self._running_rows[engine], self._limits[engine]
        if begins and running + 1 <= limit:
            return self._waiting.next()
        if due and running - self._light_rows[engine] < max(1.0, due * running):
            return self._waiting.next()
        lane = self._waiting.next(self._demand.little)
        # Beside nothing that runs nobody is slowed, and an idle engine may not be asked again.
        return lane if lane or running else self._waiting.next()

    def _due(self, headroom: Headroom) -> float:
        """Returns the share of the work that is due to what is held back; 0 where it had it.

        No caller is held below what is fair, nor is bulk.
        """
        share = self._demand.share_of_much if self._demand.callers_with_much else 0.0
        share = max(share, BULK_SHARE)
        return share if headroom.is_below(share) else 0.0

    def _fair_rows(self, waiting: int) -> int:
        """Returns the rows of an engine, if what runs and so much that waits were spread evenly."""
        running = self._running_rows
        return -(-(waiting + sum(running)) // len(running))

    @property
    def _light_waiting_rows(self) -> int:
        return max(0, self._demand.little_rows - sum(self._light_rows))

    def _drop(self, sequence: Sequence, now: float = -math.inf) -> bool:
        """Forgets a sequence that nobody will translate; False where it does not wait."""
        lane = self._waiting.remove(sequence)
        if lane is not None and lane.priority is Priority.INTERACTIVE:
            self._demand.remove(lane.caller, sequence.rows, now)
        return lane is not None

    def _snapshot(self, look: Callable[[Lanes], ClassSnapshot]) -> Snapshot:
        limit = sum(self._limits)
        return Snapshot(
            sum(self._running_rows),
            *self._waiting.each(look),
            self._max_queue_size,
            limit,
            self._demand.little_rows,
            frozenset() if limit == math.inf else self._demand.with_much,
        )
