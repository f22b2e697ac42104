"""Translates through a running server. Knows the client; does not know lines or shards."""

import dataclasses
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from dragoman.channel import Certificates, tls_credentials
from dragoman.client import Client
from dragoman.corpora.errors import JobError
from dragoman.options import Options
from dragoman.results import StreamResult


@dataclass(frozen=True)
class Service:
    """A server, or the several that a name stands for."""

    target: str
    """As Client takes it."""

    certificates: Certificates | None
    """What TLS uses; None for plain text."""

    concurrency: int
    """Lines of a shard that are at the server at a time."""

    timeout: float
    """Seconds without any line answered after which a shard is given up."""

    api_key: str | None = field(default=None, repr=False)
    """As Client takes it."""

    insecure_api_key: bool = False
    """Likewise."""

    def identify(self, options: Options) -> dict[str, str]:
        """See Backend."""
        with self._client() as client:
            models = [each for each in client.models() if each.answers_to(options.model)]
        if len(models) != 1:
            names = ", ".join(model.name for model in models) or "none of that name"
            raise JobError(f"--model must name one model of {self.target}; it has {names}")
        model = models[0]
        return {
            "name": model.name,
            "architecture": model.architecture,
            "precision": model.precision,
        }

    @contextmanager
    def open(self) -> Iterator["ServiceTranslator"]:
        """See Backend."""
        with self._client() as client:
            yield ServiceTranslator(client, self.concurrency)

    def _client(self) -> Client:
        return Client(
            self.target,
            credentials=tls_credentials(self.certificates),
            timeout=self.timeout,
            api_key=self.api_key,
            insecure_api_key=self.insecure_api_key,
        )


class ServiceTranslator:
    """A client as a LineTranslator."""

    def __init__(self, client: Client, concurrency: int) -> None:
        self._client = client
        self._concurrency = concurrency

    def results(self, texts: list[str], options: Options) -> Generator[StreamResult, None, None]:
        """See LineTranslator."""
        return self._client.translate_stream(
            texts, **dataclasses.asdict(options), max_concurrency=self._concurrency
        )
