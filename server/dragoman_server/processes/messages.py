"""What a front-end process and the engines' process tell each other."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from dragoman.v1.bundle_pb2 import Manifest
from dragoman.v1.translation_pb2 import Model
from dragoman_server.config import Config
from dragoman_server.engine import Outlook, Sender, TimeLimit
from dragoman_server.errors import DragomanError
from dragoman_server.sequence import Outcome, TranslationOptions
from dragoman_server.service import TextCodec


class Setup(NamedTuple):
    """To a front end, first of all: what it serves."""

    config: Config
    manifest: Manifest
    model: Model
    make_tokenizer: Callable[[], TextCodec]


class Started(NamedTuple):
    """From a front end: it serves."""


class NotStarted(NamedTuple):
    """From a front end, its last word: it cannot serve."""

    error: DragomanError


class Told(NamedTuple):
    """From a front end: a signal tells it to end."""

    signal: str
    """Its name."""


class Submit(NamedTuple):
    """From a front end: the texts of a request, to be taken all or none."""

    request: int
    """Number of the request, of that front end."""
    source_ids: Sequence[list[int]]
    options: Sequence[TranslationOptions]
    wants_partial: bool
    limit: TimeLimit
    sender: Sender


class Cancel(NamedTuple):
    """From a front end: nobody waits for a text any longer."""

    request: int
    text: int
    """Its index in the request."""


class Refused(NamedTuple):
    """To a front end: none of the request's texts was taken."""

    request: int
    error: DragomanError


class Settled(NamedTuple):
    """To a front end: a text's end."""

    request: int
    text: int
    outcome: Outcome


class Partial(NamedTuple):
    """To a front end: the target tokens of a text so far."""

    request: int
    token_ids: list[int]


class State(NamedTuple):
    """To a front end: what a request would find now."""

    outlook: Outlook | None


class Stalled(NamedTuple):
    """To a front end: an engine hangs, or hangs no longer."""

    stalled: bool


class Drain(NamedTuple):
    """To a front end: no new requests."""


class Drained(NamedTuple):
    """From a front end: every accepted request has its answer, or time ran out."""

    in_time: bool


class Stop(NamedTuple):
    """To a front end: the end."""
