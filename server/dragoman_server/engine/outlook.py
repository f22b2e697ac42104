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

    def seconds_until(self, longest: int, load: Load, *, rows: int, steps: int) -> float:
        """Returns the seconds until a request that comes now has ended.

        Args:
            longest: Steps of its longest text.
            load: What it finds.
            rows: Its own, with those of all that comes before it and is not part of `load`.
            steps: Likewise, added up over the rows.
        """
        there = load.rows + rows
        at_once = max(1.0, min(there, self.places, load.rows_at_once) / self.engines)
        step = self.seconds + self.seconds_per_row * at_once
        places = others = 0.0
        if load.held_beside is None:
            places = self.places
        else:
            others = load.held_beside
            places = max(min(self.places, load.rows_at_once), others + self.engines)
        without_place = there - load.rows_behind - places
        if without_place <= 0:
            return step * longest
        mean_steps = (load.waiting_steps + steps) / (load.waiting_rows + rows)
        return step * (longest + without_place * mean_steps / (places - others))


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

    @property
    def is_at_ease(self) -> bool:
        """Whether newcomers find rows at once, and more of them would."""
        rows = self.queue.running_rows + self.queue.waiting_rows
        return 2 * rows <= (self.queue.max_queue_size if self.pace is None else self.pace.places)

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
        return self.pace.seconds_until(
            max(steps),
            self.queue.load(sender),
            rows=len(steps) + texts_ahead,
            steps=sum(steps) + texts_ahead * self.usual_steps,
        )


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
    """Refuses before anybody has tokenised a request, by an outlook of just before.

    Attributes:
        is_at_ease: Whether it hardly refuses anything: who asks before a request is read need not.
    """

    def __init__(self) -> None:
        self.is_at_ease = True
        self._outlook: Outlook | None = None
        """None before there is one: nothing is refused."""
        self._seconds: dict[tuple[str, bool, int], float] = {}
        """What it says of unread requests, by caller, whether they are bulk, and texts ahead."""
        self._time_check = TimeCheck()

    def look(self, outlook: Outlook | None) -> None:
        """Goes by another outlook from now on."""
        self._outlook = outlook
        self.is_at_ease = outlook is None or outlook.is_at_ease
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
