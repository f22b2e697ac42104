"""What the owner of the queue and a process with engines tell each other."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from dragoman_server.errors import DragomanError
from dragoman_server.monitoring import LogFormat, LogLevel
from dragoman_server.runtime import Runner
from dragoman_server.search import Search
from dragoman_server.sequence import Outcome, TranslationOptions


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


class Text(NamedTuple):
    """A sequence on its way to an engine."""

    number: int
    """As no other one has that its engine ever gets."""
    source_ids: list[int]
    options: TranslationOptions
    wants_partial: bool
    wants_timing: bool
    deadline: float
    arrived_at: float


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


class Ended(NamedTuple):
    """A text's end, and when it had got how far, in seconds of the clock that all share."""

    number: int
    outcome: Outcome
    started_at: float
    encoded_at: float
    first_token_at: float
    ended_at: float


class Encoded(NamedTuple):
    """An encoder run."""

    seconds: float
    source_tokens: int


class Decoded(NamedTuple):
    """A decoding step."""

    rows: int
    seconds: float
    whole_seconds: float
    """With all that came between it and the one before."""


class Report(NamedTuple):
    """From an engine: what it did since its last one."""

    engine: int
    """Its index in its process."""
    has_begun: bool
    """Whether it has begun with what it was given last, and takes more."""
    encoded: list[Encoded]
    decoded: list[Decoded]
    expired: int
    """Texts of `ended` whose deadline had passed before they were begun."""
    ended: list[Ended]
    partial: list[tuple[int, list[int]]]
    """Target tokens so far, by the number of the text."""
