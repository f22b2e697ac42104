"""How long a request would take if it came now, learned from the steps and texts of just before.

    steps    = source tokens * target tokens per source token + 1, within the text's own limits
    step     = seconds of a decoding step: linear in the rows of one engine
    waiting  = rows without a place, of those whose turn is not later * mean steps of those of them
               that wait * step / places
    expected = margin * (steps * step + waiting)

The margin is calibrated by what became of earlier requests: TIMELY_SHARE of them took no longer
than expected. Pure: no clock, no I/O, no locks. Each engine's thread observes its own steps (see
estimators.py for what others may read meanwhile); all the rest is the event loop's.
"""

import math
from collections.abc import Sequence as ListOf
from dataclasses import dataclass

from dragoman_server.engine.deadline import has_passed
from dragoman_server.engine.estimators import Least, Line, Mean, Quantile
from dragoman_server.engine.load import Load, Snapshot
from dragoman_server.engine.outlook import Outline, Outlook, Pace, TimeCheck
from dragoman_server.engine.sender import ANYBODY
from dragoman_server.sequence import Sequence, TranslationOptions

TIMELY_SHARE = 0.97

MEMORY_STEPS = 512
"""Of an engine: a few seconds at full load."""
MEMORY_TEXTS = 256

ENOUGH_STEPS = 100
ENOUGH_TEXTS = 10
"""Before so many steps and texts were observed nothing is predicted."""

MARGIN_STEP, LEAST_MARGIN, LARGEST_MARGIN = 0.05, 0.5, 10.0

GIVEN_UP = 1.25
"""What a request that was given up at its deadline would have taken, in units of what it had."""


def step_costs() -> Line:
    """Returns the line, from rows to seconds, of one engine's decoding steps."""
    return Line(MEMORY_STEPS)


@dataclass(slots=True)
class Promise:
    """What a request was predicted when it was taken, to be compared with what became of it."""

    arrived_at: float
    due: float
    """When its answer was due; inf where it has no deadline."""
    predicted_seconds: float
    """Without the margin; 0 where nothing was predicted."""
    texts_left: int
    kept: bool = True
    """Whether every text that ended was translated."""


class Forecast:
    """Predicts, and refuses what would be late.

    Args:
        costs: What steps take, as each engine's thread observes, or all engines together.
        engines: Number of engines.
        places: Rows of all of them together.
    """

    def __init__(self, costs: ListOf[Line], *, engines: int, places: int) -> None:
        self._costs = costs
        self._engines = engines
        self._places = places
        self._source_tokens = Mean(MEMORY_TEXTS)
        self._target_tokens = Mean(MEMORY_TEXTS)
        self._least_tokens = Least(MEMORY_TEXTS)
        self._ratio = 0.0
        """Target tokens per source token."""
        self._time_check = TimeCheck()
        self._margin = Quantile(
            TIMELY_SHARE, step=MARGIN_STEP, lowest=LEAST_MARGIN, highest=LARGEST_MARGIN
        )

    @property
    def margin(self) -> float:
        """What predicted seconds are multiplied by."""
        return self._margin.value

    def steps(self, source_tokens: int, options: TranslationOptions) -> int:
        """Returns the decoding steps that a text will probably take."""
        least = max(options.min_decoding_length, len(options.target_prefix))
        expected = max(source_tokens * self._ratio, least)
        return math.ceil(min(expected, options.max_decoding_length)) + 1

    def seconds(self, sequences: ListOf[Sequence], load: Load) -> float:
        """Returns the seconds that a request takes, without the margin: until its longest ends.

        Args:
            sequences: Its texts.
            load: What is in the system without them.

        Returns:
            0 before enough was observed.
        """
        if (pace := self._pace()) is None:
            return 0.0
        rows = steps = longest = 0
        for sequence in sequences:
            own_rows, own_steps = sequence.rows, sequence.expected_steps
            rows += own_rows
            steps += own_rows * own_steps
            longest = max(longest, own_steps)
        return pace.seconds_until(longest, load, rows=rows, steps=steps)

    def outlook(self, queue: Snapshot) -> Outlook:
        """Returns what a request finds now."""
        usual_steps = math.ceil(self._source_tokens.value * self._ratio) + 1
        least = self._least_tokens.value
        return Outlook(queue, self._pace(), self._ratio, usual_steps, self.margin, least)

    def usual_seconds(self, queue: Snapshot) -> float:
        """Returns the seconds that a text of mean length takes, with the margin."""
        usual = Outline([self._source_tokens.value])
        return self.margin * self.outlook(queue).seconds_of(usual, ANYBODY)

    def check(self, predicted: float, remaining: float, load: Load) -> None:
        """Refuses a request that would probably end too late.

        Args:
            predicted: Seconds without the margin; 0 where nothing is predicted.
            remaining: Seconds until the answer is due.
            load: What is in the system without the request.

        Raises:
            WouldExpireError: It would.
        """
        is_idle = load.rows < self._engines
        self._time_check.check(predicted, self.margin, remaining, is_idle=is_idle)

    def observe_texts(self, tokens: ListOf[tuple[int, int]]) -> None:
        """Learns from translated texts, at least one, that ended together.

        Args:
            tokens: Of each text's source, and of its target.
        """
        texts = len(tokens)
        sources, targets = zip(*tokens, strict=True)
        self._source_tokens.observe(sum(sources) / texts, texts)
        self._least_tokens.observe(min(sources), texts)
        self._target_tokens.observe(sum(targets) / texts, texts)
        self._ratio = self._target_tokens.value / (self._source_tokens.value or 1)

    def observe_end(self, promise: Promise, *, translated: bool, now: float) -> None:
        """Learns from the end of one text of a request; the last one's is the request's.

        Of a request that was given up at its deadline it is known that it would have taken longer.
        What was given up before, or failed, says nothing.
        """
        promise.texts_left -= 1
        promise.kept = promise.kept and translated
        if promise.texts_left or not promise.predicted_seconds:
            return
        seconds = now - promise.arrived_at
        if promise.kept:
            self._margin.observe(seconds / promise.predicted_seconds)
        elif has_passed(promise.due, now, since=promise.arrived_at):
            self._margin.observe(GIVEN_UP * seconds / promise.predicted_seconds)

    def _pace(self) -> Pace | None:
        seen = [line for line in self._costs if line.count]
        if not self._has_seen_enough(seen):
            return None
        seconds = sum([line.intercept for line in seen]) / len(seen)
        seconds_per_row = sum([line.slope for line in seen]) / len(seen)
        return Pace(seconds, seconds_per_row, self._engines, self._places)

    def _has_seen_enough(self, lines: list[Line]) -> bool:
        if self._source_tokens.count < ENOUGH_TEXTS:
            return False
        return sum([line.count for line in lines]) >= ENOUGH_STEPS
