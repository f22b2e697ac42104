"""Engines in the process of a job on a corpus, as `dragoman corpora` asks for them.

A Backend of dragoman.corpora, which finds it by its entry point: the client does not import the
server. Knows how the server's requests and errors are the client's. Does not know lines or shards.
"""

import hashlib
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import dragoman_server.errors as server
from dragoman.errors import DragomanError, ServerError
from dragoman.options import Options
from dragoman.reading import read_translation
from dragoman.requests import stream_request
from dragoman.results import StreamResult, Translation
from dragoman.status import error_from_status
from dragoman_server.config import Config
from dragoman_server.local import LocalTranslator, TextOutcome
from dragoman_server.memory import keep_loaded
from dragoman_server.models.bundle import MANIFEST_NAME, Bundle
from dragoman_server.service.status import status_of


@dataclass(frozen=True)
class InProcess:
    """A bundle that each worker loads."""

    bundle: Path
    """Its directory."""

    engines: int
    """Engines of a worker, each on a core."""

    def identify(self, options: Options) -> dict[str, str]:
        """See Backend. What options.model says is the LocalTranslator's to check."""
        del options
        with _client_errors():
            manifest = Bundle.load(self.bundle).manifest
        return {
            "name": manifest.name,
            "architecture": manifest.architecture.family,
            "precision": manifest.precision,
            "bundle_sha256": hashlib.sha256((self.bundle / MANIFEST_NAME).read_bytes()).hexdigest(),
        }

    @contextmanager
    def open(self) -> Iterator["InProcessTranslator"]:
        """See Backend."""
        config = Config(bundle=(self.bundle,), engines=self.engines)
        with _client_errors(), LocalTranslator.open(config) as translator:
            keep_loaded()
            yield InProcessTranslator(translator)


class InProcessTranslator:
    """A LocalTranslator as a LineTranslator."""

    def __init__(self, translator: LocalTranslator) -> None:
        self._translator = translator

    def results(self, texts: list[str], options: Options) -> Generator[StreamResult, None, None]:
        """See LineTranslator."""
        requests = (stream_request(index, text, options) for index, text in enumerate(texts))
        with _client_errors(), closing(self._translator.translate_stream(requests)) as outcomes:
            for index, (text, outcome) in enumerate(zip(texts, outcomes, strict=True)):
                yield StreamResult(index, text, _read(outcome))


def _read(outcome: TextOutcome) -> Translation | DragomanError:
    if isinstance(outcome, server.DragomanError):
        return _client_error(outcome)
    return read_translation(outcome)


def _client_error(error: server.DragomanError) -> DragomanError:
    """Returns the error as a client has it; one of our own says here what a server only logs."""
    if isinstance(error, server.BackendError | server.BundleError | server.ConfigError):
        return ServerError(str(error))
    return error_from_status(status_of(error, error_id=""))


@contextmanager
def _client_errors() -> Iterator[None]:
    """Turns the server's errors into the client's."""
    try:
        yield
    except server.DragomanError as error:
        raise _client_error(error) from error
