"""What waits at the peer, and when a batch of it is due: the rule of Triton's dynamic batcher.

A batch is due once `max_batch_size` items with the same options wait, or the oldest of them has
waited `max_delay_seconds`; items leave in the order in which they came. Pure: times are numbers.
Knows neither threads nor what the items are.
"""

import math
from collections import OrderedDict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

Item = TypeVar("Item")
Options = TypeVar("Options", bound=Hashable)


@dataclass(eq=False, slots=True)
class Job(Generic[Item, Options]):
    """Items that came together."""

    items: Sequence[Item]
    options: Options
    arrived_at: float
    """Seconds of the clock that the queue is told of."""
    started: int = 0
    """How many of the items, the first ones, are in batches."""


AnyJob = TypeVar("AnyJob", bound=Job[Any, Any])


class Part(NamedTuple, Generic[AnyJob]):
    """Items of a job that are in one batch."""

    job: AnyJob
    start: int
    stop: int


class _Group(Generic[AnyJob]):
    """The jobs that wait with the same options."""

    def __init__(self) -> None:
        self.jobs: OrderedDict[AnyJob, None] = OrderedDict()
        self.waiting = 0
        """Items that are in no batch."""

    @property
    def first(self) -> AnyJob:
        return next(iter(self.jobs))

    def take(self, room: int) -> list[Part[AnyJob]]:
        """Takes at most `room` items."""
        parts = []
        while room and self.jobs:
            job = self.first
            stop = min(job.started + room, len(job.items))
            parts.append(Part(job, job.started, stop))
            room -= stop - job.started
            self.waiting -= stop - job.started
            job.started = stop
            if stop == len(job.items):
                del self.jobs[job]
        return parts


class BatchQueue(Generic[AnyJob]):
    """First come, first served; options are never mixed."""

    def __init__(self, *, max_batch_size: int, max_delay_seconds: float) -> None:
        self._max_batch_size = max_batch_size
        self._max_delay_seconds = max_delay_seconds
        self._groups: dict[Hashable, _Group[AnyJob]] = {}

    def __len__(self) -> int:
        """Items that wait."""
        return sum(group.waiting for group in self._groups.values())

    def put(self, job: AnyJob) -> None:
        """Adds a job of one item or more."""
        group = self._groups.get(job.options)
        if group is None:
            group = self._groups[job.options] = _Group()
        group.jobs[job] = None
        group.waiting += len(job.items)

    def remove(self, job: AnyJob) -> None:
        """Drops what is in no batch yet of a job; does nothing where that is nothing."""
        group = self._groups.get(job.options)
        if group is not None and job in group.jobs:
            del group.jobs[job]
            group.waiting -= len(job.items) - job.started
            self._forget_if_empty(group, job.options)

    def take(self, now: float) -> list[Part[AnyJob]]:
        """Returns a batch, of the group whose first item is the oldest of those due; empty if none.

        Args:
            now: Seconds.
        """
        due = [group for group in self._groups.values() if self._due_at(group) <= now]
        if not due:
            return []
        group = min(due, key=lambda group: group.first.arrived_at)
        options = group.first.options
        parts = group.take(self._max_batch_size)
        self._forget_if_empty(group, options)
        return parts

    def due_at(self) -> float:
        """Returns when a batch is due if nothing else comes; infinity where nothing waits."""
        return min(map(self._due_at, self._groups.values()), default=math.inf)

    def _due_at(self, group: _Group[AnyJob]) -> float:
        if group.waiting >= self._max_batch_size:
            return -math.inf
        return group.first.arrived_at + self._max_delay_seconds

    def _forget_if_empty(self, group: _Group[AnyJob], options: Hashable) -> None:
        if not group.jobs:
            del self._groups[options]
