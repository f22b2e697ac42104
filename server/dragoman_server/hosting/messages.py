"""What the owner of the queue and a process with engines tell each other."""

import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from dragoman_server.errors import DragomanError
from dragoman_server.monitoring import LogFormat, LogLevel
from dragoman_server.runtime import Runner
from dragoman_server.search import Search
from dragoman_server.sequence import Completion, FinishReason, Outcome, TranslationOptions


class Hosted(NamedTuple):
    """What the engines of a process are made of, there."""

    runners: Sequence[Runner]
    make_search: Callable[[], Search]
    rows: int
    """Of each engine."""
    prepare: Sequence[Callable[[], None]]
    """Of each engine, called on its thread before anything else."""
    cache_bytes: int
    """Of the caches of all of them."""


class LogStyle(NamedTuple):
    """What the log of a process is like; see monitoring.configure_logging."""

    level: LogLevel
    format: LogFormat


class Load(NamedTuple):
    """To a process, first of all: load."""

    make: Callable[[], Hosted]
    log: LogStyle


class Loaded(NamedTuple):
    """From a process: it has."""

    cache_bytes: int


class Try(NamedTuple):
    """To a process that has loaded: translate nonsense with all engines; see trial.py."""

    token_id: int
    seconds: float


class Tried(NamedTuple):
    """From a process: it has."""

    rows_per_second: float


class Prepare(NamedTuple):
    """To a process: start the engines."""


class Prepared(NamedTuple):
    """From a process: they take texts."""


class Failed(NamedTuple):
    """From a process, its last word: it cannot load or prepare them."""

    error: DragomanError


Text: TypeAlias = tuple[int, list[int], bytes, bool, bool, float, float]
"""A sequence on its way to an engine: a number that no other text has that its engine ever gets,
source_ids, options as packed by `pack_options`, wants_partial, wants_timing, deadline, arrived_at.

Plain, as Ended is, and not a NamedTuple: of these pickle makes each by a call, and there are tens
of thousands a second."""


class Admit(NamedTuple):
    """To an engine: texts for which it has rows, to be encoded together."""

    engine: int
    """Its index in its process."""
    texts: list[Text]


class Cancel(NamedTuple):
    """To an engine: nobody waits for a text any longer."""

    engine: int
    number: int


class Stop(NamedTuple):
    """To a process: the end, at once."""


Plain: TypeAlias = tuple[list[int], str, float | None]
"""A completion of which nothing else is asked: token_ids, the name of finish_reason, score."""

Ended: TypeAlias = tuple[int, Plain | Outcome, float, float, float, float]
"""A text's end: its number, what became of it, and started_at, encoded_at, first_token_at and
ended_at, in seconds of the clock that all share."""


@dataclass(slots=True)
class Work:
    """What an engine did since it told of it last."""

    encode_seconds: list[float] = field(default_factory=list)
    """Of each encoder run."""
    source_tokens: int = 0
    """Encoded in all of them."""
    rows: list[int] = field(default_factory=list)
    """Of each decoding step."""
    seconds: list[float] = field(default_factory=list)
    """Likewise."""
    whole_seconds: float = 0.0
    """Of all steps, with all that came between each and the one before."""


class Report(NamedTuple):
    """From an engine: what became of its texts since its last one."""

    engine: int
    """Its index in its process."""
    has_begun: bool
    """Whether it has begun with what it was given last, and takes more."""
    ended: list[Ended]
    partial: list[tuple[int, list[int]]]
    """Target tokens so far, by the number of the text."""
    expired: int
    """Texts of `ended` whose deadline had passed before they were begun."""
    work: Work | None
    """None where it will be told later."""


OPTIONS_KEPT = 64
"""That each end knows in both forms: most texts have the same as one of just before."""


def pack_options(options: TranslationOptions) -> bytes:
    """Returns options as texts bring them along: many texts have the same."""
    return pickle.dumps(options, pickle.HIGHEST_PROTOCOL)


def unpack_options(packed: bytes) -> TranslationOptions:
    """Returns the options again."""
    options: TranslationOptions = pickle.loads(packed)  # noqa: S301  our own process packed it
    return options


def plainly(outcome: Outcome) -> Plain | Outcome:
    """Returns an outcome as it travels."""
    if isinstance(outcome, Completion) and outcome[3:] == _NOTHING_ELSE:
        return outcome.token_ids, outcome.finish_reason.value, outcome.score
    return outcome


def outcome_of(told: Plain | Outcome) -> Outcome:
    """Returns the outcome that has travelled."""
    if isinstance(told, (Completion, DragomanError)):
        return told
    token_ids, reason, score = told
    return Completion(token_ids, _REASONS[reason], score)


_REASONS = {reason.value: reason for reason in FinishReason}
_NOTHING_ELSE = Completion([], FinishReason.STOP, None)[3:]
