"""The forecast with a real engine, queue and scheduler, on a clock that only steps let pass."""

import random
from collections import Counter

import numpy as np
import pytest
from numpy.typing import NDArray

from dragoman_server.engine.forecast import Forecast, Promise
from dragoman_server.errors import WouldExpireError
from dragoman_server.sequence import Completion, FinishReason, Sequence, TranslationOptions
from tests.server.engine.fakes import END_ID, VOCABULARY
from tests.server.engine.stepped import Bench

ROWS = 8
OPTIONS = TranslationOptions(100)
NEXT, LAST = np.zeros((2, VOCABULARY), np.float32)
NEXT[1] = LAST[END_ID] = 1


def as_long_as_told(source: list[int], target: list[int]) -> NDArray[np.float32]:
    return LAST if len(target) >= source[0] else NEXT


def step_seconds(rows: int) -> float:
    return 0.004 + 0.0005 * rows


MEAN_STEPS = 16
PEAK = ROWS / (MEAN_STEPS * step_seconds(ROWS))
"""Texts a second, about, that the engine can translate."""


class Crowd:
    """Texts of all lengths that arrive at random, each with a deadline; late ones are given up."""

    def __init__(self, *, load: float, deadline: float, controlled: bool = True) -> None:
        self.bench = Bench(
            max_batch_size=ROWS,
            max_encode_tokens=200,
            model=as_long_as_told,
            encode_seconds=0.002,
            decode_seconds=step_seconds,
        )
        self.forecast = Forecast([self.bench.engine.step_costs], engines=1, places=ROWS)
        self.chance = random.Random(7)
        self.rate, self.deadline, self.controlled = load * PEAK, deadline, controlled
        self.ended: Counter[str] = Counter()
        self._next_at = 0.0
        self._promises: dict[Sequence, Promise] = {}

    def run(self, seconds: float) -> None:
        until = self.bench.now + seconds
        while self.bench.now < until:
            self._arrive()
            self._give_up()
            if not self.bench.engine.step():
                self.bench.now = self._next_at
            self._end()

    def _arrive(self) -> None:
        while self._next_at <= self.bench.now:
            tokens = self.chance.randrange(4, 28)
            target = max(1, round(tokens * self.chance.gauss(1, 0.15)))
            steps = self.forecast.steps(tokens, OPTIONS)
            text = Sequence([target] * tokens, OPTIONS, expected_steps=steps)
            text.arrived_at, text.deadline = self._next_at, self._next_at + self.deadline
            self._next_at += self.chance.expovariate(self.rate)
            load = self.bench.queue.load()
            predicted = self.forecast.seconds([text], load)
            try:
                if self.controlled:
                    self.forecast.check(predicted, text.deadline - self.bench.now, load)
            except WouldExpireError:
                self.ended["refused"] += 1
            else:
                self._promises[text] = Promise(text.arrived_at, text.deadline, predicted, 1)
                self.bench.queue.put([text])

    def _give_up(self) -> None:
        late = [text for text in self._promises if text.deadline <= self.bench.now]
        for text in late:
            if not self.bench.queue.remove(text):
                self.bench.engine.cancel(text)
            self._close(text, translated=False)

    def _end(self) -> None:
        for text, outcome in self.bench.outcomes.items():
            assert isinstance(outcome, Completion)
            if outcome.finish_reason is FinishReason.STOP:
                self.forecast.observe_texts([(len(text.source_ids), len(outcome.token_ids))])
            if text in self._promises:
                self._close(text, translated=self.bench.now <= text.deadline)
        self.bench.outcomes.clear()

    def _close(self, text: Sequence, *, translated: bool) -> None:
        self.ended["in time" if translated else "late"] += 1
        promise = self._promises.pop(text)
        self.forecast.observe_end(promise, translated=translated, now=self.bench.now)

    def share_in_time(self) -> float:
        """Of those that were taken."""
        return self.ended["in time"] / (self.ended["in time"] + self.ended["late"])


@pytest.mark.parametrize("deadline", [0.4, 1.0, 2.5])
def test_at_three_times_the_peak_rate_what_is_taken_is_in_time(deadline: float) -> None:
    crowd = Crowd(load=3, deadline=deadline)
    crowd.run(10)  # learns
    crowd.ended.clear()
    crowd.run(30)
    assert crowd.share_in_time() >= 0.94
    assert crowd.ended["in time"] / 30 >= 0.9 * PEAK
    assert crowd.ended["refused"] > crowd.ended["in time"] / 2


def test_without_refusals_hardly_any_of_the_same_crowd_is_in_time() -> None:
    crowd = Crowd(load=3, deadline=1.0, controlled=False)
    crowd.run(20)
    assert crowd.share_in_time() < 0.5


def test_below_the_peak_rate_nothing_is_refused_that_has_time() -> None:
    crowd = Crowd(load=0.6, deadline=2.5)
    crowd.run(30)
    assert set(crowd.ended) == {"in time"}


def test_a_burst_after_a_quiet_time_is_refused_in_part_and_the_rest_is_in_time() -> None:
    crowd = Crowd(load=0.1, deadline=1.0)
    crowd.run(20)
    crowd.rate = 3 * PEAK
    crowd.run(5)
    assert crowd.ended["refused"] > 0
    assert crowd.share_in_time() >= 0.95
