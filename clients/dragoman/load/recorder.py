"""Notes what is sent and what comes back during one test. Knows no clock but time.monotonic."""

import time
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from dragoman.load.answers import OK, Answer

RECENT_SECONDS = 2.0


class Recent(NamedTuple):
    """The last two seconds, for whoever watches."""

    answered_per_second: float
    refused_per_second: float
    seconds: list[float]
    """Of the answers, from sending, sorted."""


class Recorder:
    """Every sample of a test, in the order in which it was sent, and its answer."""

    def __init__(self) -> None:
        self.sent: list[int] = []
        self.answers: dict[int, Answer] = {}
        self._recent: deque[tuple[float, Answer]] = deque()

    def note_sent(self, response_ids: Sequence[int]) -> None:
        """Notes samples as they are sent."""
        self.sent.extend(response_ids)

    def note_answers(self, answers: Sequence[Answer]) -> None:
        """Notes answers as they come."""
        now = time.monotonic()
        for answer in answers:
            self.answers[answer.response_id] = answer
            self._recent.append((now, answer))

    def in_order(self) -> list[Answer]:
        """Returns the answers in the order in which the samples were sent."""
        return [self.answers[each] for each in self.sent]

    def recent(self) -> Recent:
        """Returns what came of late."""
        since = time.monotonic() - RECENT_SECONDS
        while self._recent and self._recent[0][0] < since:
            self._recent.popleft()
        answers = [answer for _, answer in list(self._recent)]
        seconds = sorted(answer.seconds for answer in answers if answer.status == OK)
        refused = len(answers) - len(seconds)
        return Recent(len(seconds) / RECENT_SECONDS, refused / RECENT_SECONDS, seconds)


def percentile(ordered: Sequence[float], per_cent: float) -> float:
    """Returns the value that so much of an ascending sequence is not above, as LoadGen does."""
    return ordered[min(int(len(ordered) * per_cent / 100), len(ordered) - 1)]
