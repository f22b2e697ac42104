"""What a request would find that came now, and whether it is refused for it.

Pure: no clock, no I/O, no locks. An Outlook is passed on to front ends in other processes, which
refuse there what the engines would refuse here.
"""

import math
from collections.abc import Sequence as ListOf
from typing import NamedTuple

from dragoman_server.engine.deadline import TimeLimit
from dragoman_server.engine.load import Load, Snapshot
from dragoman_server.engine.sender import Priority, Sender
from dragoman_server.errors import WouldExpireError

TRY_EVERY = 50
"""Of the requests that an idle engine has no hope to answer in time, one in so many is tried."""

LEAST_RETRY_SECONDS = 0.05
"""A request that would be late by less is asked to stay away so long."""


class Outline(NamedTuple):
    """What is known of a request that nobody has tokenised."""

    source_tokens: ListOf[float]
    """Of each text, roughly."""
    max_decoding_length: float = math.inf


UNREAD = Outline([])
"""Of a request that nobody has read: it counts as the shortest text of those of just before."""


class Pace(NamedTuple):
    """How fast the engines are: a step of so many rows takes `seconds + seconds_per_row * rows`."""

    seconds: float
    seconds_per_row: float
    engines: int
    places: int
    """Rows of all the engines together."""

    def seconds_until(self, steps: int, load: Load) -> float:
        """Returns the seconds until a text of `load` that takes so many steps has ended."""
        rows = max(1.0, min(load.rows, self.places, load.rows_at_once) / self.engines)
        step = self.seconds + self.seconds_per_row * rows
        places = others = 0.0
        if load.held_beside is None:
            places = self.places
        else:
            others = load.held_beside
            places = max(min(self.places, load.rows_at_once), others + self.engines)
        without_place = max(0.0, load.rows - load.rows_behind - places)
        waiting = without_place * load.waiting_steps / load.waiting_rows / (places - others)
        return step * (steps + waiting)


class Outlook(NamedTuple):
    """What a request would find."""

    queue: Snapshot
    pace: Pace | None
    """None before enough was observed."""
    tokens_ratio: float
    """Target tokens per source token."""
    usual_steps: int
    """Of a text of mean length."""
    margin: float
    """What predicted seconds are multiplied by."""
    least_tokens: float
    """Source tokens of the shortest text of just before."""

    @property
    def is_idle(self) -> bool:
        """Whether nothing runs or waits."""
        return not (self.queue.running_rows or self.queue.waiting_rows)

    def seconds_of(self, outline: Outline, sender: Sender, texts_ahead: int = 0) -> float:
        """Returns the seconds that a request takes, without the margin; 0 where none are predicted.

        Args:
            outline: What is known of it.
            sender: Whose it is.
            texts_ahead: Of mean length, that are not in the queue yet.
        """
        if self.pace is None:
            return 0.0
        most = outline.max_decoding_length
        source_tokens = outline.source_tokens or (self.least_tokens,)
        steps = [math.ceil(min(tokens * self.tokens_ratio, most)) + 1 for tokens in source_tokens]
        load = self.queue.load(sender).plus(
            rows=len(steps) + texts_ahead, steps=sum(steps) + texts_ahead * self.usual_steps
        )
        return self.pace.seconds_until(max(steps), load)


class TimeCheck:
    """Refuses what would probably end too late.

    While an engine has nothing to do, the margin does not count, and of what is late without it
    some are tried: where all was refused, what is wrong would never be corrected.
    """

    def __init__(self) -> None:
        self._hopeless = 0

    def check(self, predicted: float, margin: float, remaining: float, *, is_idle: bool) -> None:
        """Refuses or does not.

        Args:
            predicted: Seconds without the margin; 0 where nothing is predicted.
            margin: Factor.
            remaining: Seconds until the answer is due.
            is_idle: Whether an engine has nothing to do.

        Raises:
            WouldExpireError: It would.
        """
        expected = predicted * margin
        if not predicted or expected <= remaining:
            return
        if is_idle and self._is_worth_trying(predicted, remaining):
            return
        raise WouldExpireError(
            f"the answer would be there in about {expected:.2f} s, but its deadline is in "
            f"{remaining:.2f} s: the server is busy",
            retry_after_seconds=max(round(expected - remaining, 2), LEAST_RETRY_SECONDS),
            remaining_seconds=remaining,
        )

    def _is_worth_trying(self, predicted: float, remaining: float) -> bool:
        if predicted <= remaining:
            return True
        self._hopeless += 1
        return self._hopeless % TRY_EVERY == 0


class Admission:
    """Refuses before anybody has tokenised a request, by an outlook of just before."""

    def __init__(self) -> None:
        self._outlook: Outlook | None = None
        """None before there is one: nothing is refused."""
        self._seconds: dict[tuple[str, bool, int], float] = {}
        """What it says of unread requests, by caller, whether they are bulk, and texts ahead."""
        self._time_check = TimeCheck()

    def look(self, outlook: Outlook | None) -> None:
        """Goes by another outlook from now on."""
        self._outlook = outlook
        self._seconds.clear()

    def check(
        self, limit: TimeLimit, now: float, outline: Outline, *, sender: Sender, texts_ahead: int
    ) -> None:
        """Refuses texts or does not.

        Args:
            limit: When their translations are due.
            now: In seconds of the same clock.
            outline: What is known of them.
            sender: Whose they are.
            texts_ahead: That were let in before and are not part of the outlook.

        Raises:
            QueueFullError: there is no room for all of them.
            WouldExpireError: they would probably end later than they are due.
        """
        outlook = self._outlook
        if outlook is None:
            return
        outlook.queue.check_room(len(outline.source_tokens) or 1, sender, texts_ahead)
        if limit.due < math.inf and outlook.pace is not None:
            rows = outlook.queue.running_rows + outlook.queue.waiting_rows + texts_ahead
            self._time_check.check(
                self._seconds_of(outlook, outline, sender, texts_ahead),
                outlook.margin,
                limit.due - now,
                is_idle=rows < outlook.pace.engines,
            )

    def _seconds_of(
        self, outlook: Outlook, outline: Outline, sender: Sender, texts_ahead: int
    ) -> float:
        if outline is not UNREAD:
            return outlook.seconds_of(outline, sender, texts_ahead)
        key = (sender.caller, sender.priority is Priority.BULK, texts_ahead)
        if (seconds := self._seconds.get(key)) is None:
            seconds = self._seconds[key] = outlook.seconds_of(outline, sender, texts_ahead)
        return seconds
