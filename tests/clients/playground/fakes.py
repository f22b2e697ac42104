"""A server's client that says what a test wants, and the application around it."""

import contextlib
import json
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any, Unpack

from starlette.testclient import TestClient

from dragoman import (
    DragomanError,
    FinishReason,
    Hypothesis,
    Limits,
    Model,
    TranslateOptions,
    Translation,
)
from dragoman.playground.app import make_app
from dragoman.playground.connections import Translator

MODEL = Model(
    name="fake",
    architecture="marian",
    source_language_codes=("en",),
    target_language_codes=("de",),
    precision="int8",
    provider="cpu",
    limits=Limits(1024, 30_000, 512, 511, 8, 256),
)

TRANSLATION = Translation(
    translated_text="Grüß Gott",
    finish_reason=FinishReason.STOP,
    score=-0.5,
    source_token_count=3,
    target_token_count=2,
    model="fake",
    token_scores=(-0.1, -0.9),
    hypotheses=(Hypothesis("Grüß Gott", FinishReason.STOP, -0.5, 2),),
)


class FakeTranslator:
    """Yields what it is given, and raises what is an error."""

    def __init__(self, *increments: str | Translation | DragomanError) -> None:
        self.increments = increments or (TRANSLATION,)
        self.error: DragomanError | None = None
        """Of ListModels."""
        self.asked: list[tuple[str, TranslateOptions]] = []
        self.ended = 0

    async def models(self) -> list[Model]:
        if self.error is not None:
            raise self.error
        return [MODEL]

    async def translate_incrementally(
        self, text: str, **options: Unpack[TranslateOptions]
    ) -> AsyncGenerator[str | Translation, None]:
        self.asked.append((text, options))
        try:
            for increment in self.increments:
                if isinstance(increment, DragomanError):
                    raise increment
                yield increment
        finally:
            self.ended += 1


class FakeClients:
    """Hands out one translator, and notes with which keys."""

    def __init__(self, translator: FakeTranslator) -> None:
        self._translator = translator
        self.keys: list[str | None] = []
        self.closed = False

    @contextlib.asynccontextmanager
    async def translator(self, key: str | None) -> AsyncIterator[Translator]:
        self.keys.append(key)
        yield self._translator

    async def close(self) -> None:
        self.closed = True


def browse(clients: FakeClients, *hosts: str) -> TestClient:
    """A client of the application; to be used in a `with`."""
    return TestClient(make_app(clients, hosts), base_url="http://localhost:8080")


def ask(client: TestClient, *, text: object = "Hello", **options: object) -> list[dict[str, Any]]:
    """Asks for a translation, and returns the lines of the answer."""
    body = {"text": text, "options": options}
    response = client.post("/api/translate", json=body)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/x-ndjson"
    return [json.loads(line) for line in response.text.splitlines()]
