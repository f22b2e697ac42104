"""Looks for the rate of single sentences that a server keeps, with a client that costs little.

open_loop.py asks, which takes next to nothing of the cores that it shares with the server. Knows
what an answer must be, and the search for a peak. Does not know what is compared.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

from dragoman.load.search import Outcome, find_peak
from dragoman.v1.translation_pb2 import TranslateTextRequest, TranslateTextResponse
from tests.bench.load_runs import Load
from tests.bench.open_loop import OK, Ends, message_of, run

CONNECTIONS = 4
WARM_UP_RATE_SHARE, WARM_UP_SECONDS = 0.5, 3.0
PERCENTILE, BOUND_MS = 0.97, 250.0
FIRST_RATE, LOWEST_RATE = 40.0, 1.0
PRECISION = 0.03
"""Of the rate that a search finds."""

STEP_DOWN, MOST_STEPS_DOWN = 0.95, 10
"""What is tried next where a confirmation does not keep the bound."""

PREFIX_BYTES = 5
"""Of gRPC, before a message."""


class Tried(NamedTuple):
    """What a rate did."""

    rate: float
    p97_ms: float


class Peak(NamedTuple):
    """How a search ended."""

    rate: float
    """The highest that kept the bound for as long as a confirmation is; 0 where none did."""
    tried: list[Tried]


@dataclass(frozen=True)
class OpenLoad:
    """What is sent."""

    messages: Sequence[bytes]
    duration: float
    """Seconds of a confirmation."""
    trial_duration: float
    """Seconds of a step of a search."""

    @classmethod
    def of(cls, load: Load) -> Self:
        """Returns what `dragoman load` would send, one sentence after the other."""
        texts = load.source.read_text("utf-8").removesuffix("\n").split("\n")
        lengths: Sequence[int | None] = [None] * len(texts)
        if load.target_lengths is not None:
            lengths = [int(line) for line in load.target_lengths.read_text("utf-8").split()]
        pairs = zip(texts, lengths, strict=True)
        messages = [message_of(text, length) for text, length in pairs]
        return cls(messages, load.duration, load.trial_duration)

    def peak(self, address: str, start: float | None) -> Peak:
        """Looks for the highest rate that keeps the bound."""
        start = start or FIRST_RATE
        self._warm_up(address, start)
        tried: list[Tried] = []

        def keeps(rate: float, seconds: float) -> bool:
            tried.append(Tried(rate, self._p97_ms(address, rate, seconds)))
            return tried[-1].p97_ms <= BOUND_MS

        def trial(rate: float) -> Outcome:
            return Outcome.KEPT if keeps(rate, self.trial_duration) else Outcome.BROKEN

        found = find_peak(trial, start, precision=PRECISION, lowest=LOWEST_RATE).rate
        steps = range(MOST_STEPS_DOWN) if found else ()
        rates = [(found or 0.0) * STEP_DOWN**step for step in steps]
        return Peak(next((rate for rate in rates if keeps(rate, self.duration)), 0.0), tried)

    def p97_ms(self, address: str, rate: float, *, briefly: bool) -> float:
        """Offers a rate, for as long as a step of a search where `briefly`; returns p97."""
        self._warm_up(address, rate)
        return self._p97_ms(address, rate, self.trial_duration if briefly else self.duration)

    def _warm_up(self, address: str, rate: float) -> None:
        rate *= WARM_UP_RATE_SHARE
        run(address, rate, WARM_UP_SECONDS, None, CONNECTIONS, messages=self.messages)

    def _p97_ms(self, address: str, rate: float, seconds: float) -> float:
        ends, _ = run(address, rate, seconds, None, CONNECTIONS, messages=self.messages)
        check(ends)
        return percentile_ms(ends)


def due(ends: Ends) -> int:
    """Returns how many calls there were."""
    return max(1, sum(len(each) for each in ends.seconds.values()) + ends.left)


def percentile_ms(ends: Ends) -> float:
    """Returns p97 in milliseconds of all that were due; inf where too few were answered."""
    seconds = sorted(ends.seconds.get(OK, ()))
    count = due(ends)
    place = min(int(count * PERCENTILE), count - 1)
    return seconds[place] * 1000 if place < len(seconds) else float("inf")


def check(ends: Ends) -> None:
    """Looks at every different answer.

    Raises:
        RuntimeError: One is no translation of one text, or not of the length that was asked for.
    """
    for asked, answers in ends.answers.items():
        options = TranslateTextRequest.FromString(asked[PREFIX_BYTES:]).options
        for answer in answers:
            response = TranslateTextResponse.FromString(answer[PREFIX_BYTES:])
            if len(response.translations) != 1 or not response.translations[0].translated_text:
                raise RuntimeError(f"an answer is no translation: {response}")
            length = response.translations[0].target_token_count
            if options.min_decoding_length and length != options.min_decoding_length:
                wanted = options.min_decoding_length
                raise RuntimeError(f"{wanted} target tokens were asked for, {length} came")
