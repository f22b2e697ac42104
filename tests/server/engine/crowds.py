"""Light callers beside heavy ones on real engines, queue and schedulers: a discrete simulation.

Time passes only in encoder runs and decoding steps, by a cost model. Each engine has a clock of its
own; the one that is behind goes next, and finds what has arrived by then.
"""

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dragoman_server.engine.engine import Engine, Progress
from dragoman_server.engine.engine_metrics import EngineMetrics
from dragoman_server.engine.scheduler import Scheduler
from dragoman_server.engine.sender import Priority, Sender
from dragoman_server.engine.waiting_queue import WaitingQueue
from dragoman_server.monitoring.metrics import Metrics
from dragoman_server.search.search import Search
from dragoman_server.sequence import Sequence, TranslationOptions
from tests.server.engine.fakes import END_ID, START_ID, VOCABULARY, FakeRunner

MEAN_TOKENS = 16
LONGEST = 40
OPTIONS = TranslationOptions(LONGEST + 1, return_scores=False)
NEXT, LAST = np.zeros((2, VOCABULARY), np.float32)
NEXT[1] = LAST[END_ID] = 1


def as_long_as_told(source: list[int], target: list[int]) -> NDArray[np.float32]:
    return LAST if len(target) >= source[0] else NEXT


class Costs(NamedTuple):
    """Seconds."""

    step: float
    row: float
    """Of a step, for each row."""
    encode: float
    """Of an encoder run."""
    token: float
    """Of it, for each token."""

    def text(self, rows: int) -> float:
        """What a text of mean length costs where so many are decoded together."""
        encoding = self.encode / max(1, rows // 8) + self.token * MEAN_TOKENS
        return encoding + (MEAN_TOKENS + 1) * (self.step / rows + self.row)


@dataclass
class Caller:
    """Who sends texts, and what became of them."""

    name: str
    priority: Priority = Priority.INTERACTIVE
    weight: float = 1.0
    rate: float = 0.0
    """Single texts a second, at random; 0 for one who has always `kept` texts in the system."""
    kept: int = 0
    latencies: list[float] = field(default_factory=list)
    done_at: list[float] = field(default_factory=list)
    work: int = 0
    """Steps of what ended."""

    def p97(self) -> float:
        return sorted(self.latencies)[int(0.97 * len(self.latencies))]


class Crowd:
    """Callers and engines."""

    def __init__(
        self, costs: Costs, callers: list[Caller], *, engines: int = 1, rows: int = 32
    ) -> None:
        self.callers = callers
        self.queue = WaitingQueue(max_queue_size=100_000, engines=engines)
        self._chances = {caller.name: random.Random(caller.name) for caller in callers}
        """What a caller sends when does not depend on the others."""
        self._clocks = [0.0] * engines
        self._senders: dict[Sequence, Caller] = {}
        self._due = {
            caller.name: self._chances[caller.name].expovariate(caller.rate)
            for caller in callers
            if caller.rate
        }
        self._kept = {caller.name: 0 for caller in callers}
        self._engines = [self._engine(costs, index, rows) for index in range(engines)]

    def run(self, seconds: float) -> None:
        """Lets so much time pass."""
        end = min(self._clocks) + seconds
        while (now := min(self._clocks)) < end:
            index = self._clocks.index(now)
            self._arrive(now)
            if not self._engines[index].step():
                others = [clock for clock in self._clocks if clock > now]
                self._clocks[index] = min([*others, *self._due.values(), end])  # nothing to do

    def forget(self) -> None:
        """Begins to count anew."""
        for caller in self.callers:
            caller.latencies.clear()
            caller.done_at.clear()
            caller.work = 0

    def leave(self, callers: list[Caller]) -> None:
        """Lets callers send nothing any more."""
        for caller in callers:
            self.callers.remove(caller)
            self._due.pop(caller.name, None)

    def _engine(self, costs: Costs, index: int, rows: int) -> Engine:
        def encoding(texts: int) -> None:
            self._clocks[index] += costs.encode + costs.token * MEAN_TOKENS * texts

        def decoding(rows: int) -> None:
            self._clocks[index] += costs.step + costs.row * rows

        return Engine(
            scheduler=Scheduler(
                self.queue, engine=index, max_batch_size=rows, max_encode_tokens=1024
            ),
            search=Search(
                max_rows=rows,
                max_length=LONGEST + 1,
                decoder_start_id=START_ID,
                end_id=END_ID,
                vocabulary_size=VOCABULARY,
            ),
            runner=FakeRunner(rows, as_long_as_told, encoding=encoding, decoding=decoding),
            metrics=EngineMetrics(Metrics(), "model"),
            deliver=lambda progress: self._deliver(progress, self._clocks[index]),
            clock=lambda: self._clocks[index],
        )

    def _arrive(self, now: float) -> None:
        for caller in self.callers:
            if caller.kept:
                missing = caller.kept - self._kept[caller.name]
                if missing >= caller.kept // 4:
                    self._put(caller, missing, now)
                continue
            while (due := self._due[caller.name]) <= now:
                self._put(caller, 1, due)
                self._due[caller.name] = due + self._chances[caller.name].expovariate(caller.rate)

    def _put(self, caller: Caller, texts: int, now: float) -> None:
        sequences = [_text(self._chances[caller.name], now) for _ in range(texts)]
        self.queue.put(sequences, Sender(caller.name, 0, caller.priority, caller.weight))
        self._senders |= dict.fromkeys(sequences, caller)
        self._kept[caller.name] += texts

    def _deliver(self, progress: Progress, now: float) -> None:
        for text, _ in progress.finished:
            caller = self._senders.pop(text)
            self._kept[caller.name] -= 1
            caller.latencies.append(now - text.arrived_at)
            caller.done_at.append(now)
            caller.work += text.expected_steps


_NUMBERS = itertools.count(1)


def _text(chance: random.Random, now: float) -> Sequence:
    tokens = min(LONGEST, max(2, round(chance.gauss(MEAN_TOKENS, 6))))
    source = [tokens] * (tokens - 1) + [next(_NUMBERS)]  # of no two texts the same
    return Sequence(source, OPTIONS, expected_steps=tokens + 1, arrived_at=now)


def light_callers(rate: float, count: int = 10) -> Iterator[Caller]:
    """Yields callers who together send so many single texts a second."""
    return (Caller(f"light {index}", rate=rate / count) for index in range(count))


def p97(callers: list[Caller]) -> float:
    """Returns the p97 of the latencies of all of them."""
    latencies = sorted(itertools.chain.from_iterable(caller.latencies for caller in callers))
    return latencies[int(0.97 * len(latencies))]
