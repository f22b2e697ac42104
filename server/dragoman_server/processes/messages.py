"""What a front-end process and the engines' process tell each other."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from dragoman.v1.bundle_pb2 import Manifest
from dragoman.v1.translation_pb2 import Model
from dragoman_server.config import Config
from dragoman_server.engine import Outlook, Sender, TimeLimit
from dragoman_server.errors import DragomanError
from dragoman_server.sequence import Outcome, TranslationOptions
from dragoman_server.service import TextCodec


class ModelSetup(NamedTuple):
    """To a front end: a version of a model that it is to serve."""

    number: int
    """As no other version has that this server ever loads."""
    manifest: Manifest
    model: Model
    make_tokenizer: Callable[[], TextCodec]


class Serve(NamedTuple):
    """To a front end: what it serves from now on, and nothing else."""

    numbers: tuple[int, ...]
    """Of versions that it has been told of."""
    defaults: frozenset[int]
    """Those of them that answer to their model's name alone."""


NOTHING = Serve((), frozenset())


class Setup(NamedTuple):
    """To a front end, first of all."""

    config: Config
    models: tuple[ModelSetup, ...] = ()
    """That it is to serve from the start."""
    serve: Serve = NOTHING
    failures: Mapping[str, str] = {}
    """Why what is on disk is not served, by the name of its directory."""


class Failures(NamedTuple):
    """To a front end: what is on disk and not served from now on, and why."""

    failures: Mapping[str, str]


class Prepared(NamedTuple):
    """From a front end: it can serve a version, or why not."""

    number: int
    error: DragomanError | None


class Serving(NamedTuple):
    """From a front end: it serves what it was told to, and sends no other version texts."""

    serve: Serve


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

    model: int
    """Number of the version that is to translate."""
    request: int
    """Number of the request, of that front end and that version."""
    source_ids: Sequence[list[int]]
    options: Sequence[TranslationOptions]
    wants_partial: bool
    limit: TimeLimit
    sender: Sender
    wants_timing: bool


class Cancel(NamedTuple):
    """From a front end: nobody waits for a text any longer."""

    model: int
    request: int
    text: int
    """Its index in the request."""


class Refused(NamedTuple):
    """To a front end: none of the request's texts was taken."""

    model: int
    request: int
    error: DragomanError


class Settled(NamedTuple):
    """To a front end: a text's end."""

    model: int
    request: int
    text: int
    outcome: Outcome


class Partial(NamedTuple):
    """To a front end: the target tokens of a text so far."""

    model: int
    request: int
    text: int
    token_ids: list[int]


class State(NamedTuple):
    """To a front end: what a request would find now, by version."""

    outlooks: Mapping[int, Outlook | None]


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
