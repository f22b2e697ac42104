"""What the page is told: models, translations as they grow, and errors as the server says them."""

import asyncio
import dataclasses
import json
from array import array

import pytest
from starlette.testclient import TestClient
from starlette.types import Message

from dragoman import ConnectError, FieldViolation, InvalidArgumentError
from dragoman.playground import app, asked
from dragoman.results import Attention, AttentionWeights
from tests.clients.playground.fakes import (
    TRANSLATION,
    FakeClients,
    FakeTranslator,
    ask,
    browse,
)


def test_the_page_and_its_files_are_there(http: TestClient) -> None:
    page = http.get("/")
    assert page.headers["content-type"].startswith("text/html")
    for name, kind in (
        ("style.css", "text/css"),
        ("page.js", "text/javascript"),
        ("icon.svg", "image/svg+xml"),
    ):
        assert name in page.text
        assert http.get(f"/{name}").headers["content-type"].startswith(kind)
    assert http.get("/secret").status_code == 404
    assert http.post("/").status_code == 405


def test_models_are_told_with_languages_and_limits(http: TestClient) -> None:
    (model,) = http.get("/api/models").json()["models"]
    assert (model["source_language_codes"], model["target_language_codes"]) == (["en"], ["de"])
    assert model["limits"]["max_beam_size"] == 8


def test_a_translation_comes_as_it_grows(http: TestClient, translator: FakeTranslator) -> None:
    translator.increments = ("Grüß", "Grüß Gott", TRANSLATION)
    *beginnings, whole = ask(http, text="Hello", beam_size=4, model="fake")
    assert beginnings == [{"partial_text": "Grüß"}, {"partial_text": "Grüß Gott"}]
    translation = whole["translation"]
    assert (translation["translated_text"], translation["finish_reason"]) == ("Grüß Gott", "stop")
    assert translation["token_scores"] == [-0.1, -0.9]
    assert translation["hypotheses"][0]["translated_text"] == "Grüß Gott"
    assert translator.asked == [("Hello", {"beam_size": 4, "model": "fake"})]


def test_weights_of_attention_are_told_to_four_digits(
    http: TestClient, translator: FakeTranslator
) -> None:
    weights = AttentionWeights((1, 1, 1, 2), array("f", [1 / 3, 2 / 3]))
    attention = Attention(("a", "</s>"), ("A",), weights, weights, weights)
    translator.increments = (dataclasses.replace(TRANSLATION, attention=attention),)
    (whole,) = ask(http, return_attention=True)
    told = whole["translation"]["attention"]
    assert told["source_tokens"] == ["a", "</s>"]
    assert told["cross"] == {"shape": [1, 1, 1, 2], "values": [0.3333, 0.6667]}


def test_an_error_is_told_as_the_server_says_it(
    http: TestClient, translator: FakeTranslator
) -> None:
    error = InvalidArgumentError(
        "options.beam_size is 99; allowed: 1 to 8",
        reason="OPTION_OUT_OF_RANGE",
        metadata={"allowed": "1 to 8"},
    )
    error.violations = (FieldViolation("options.beam_size", "is 99", "OPTION_OUT_OF_RANGE"),)
    translator.increments = ("Gr", error)
    assert ask(http)[1]["error"] == {
        "code": "INVALID_ARGUMENT",
        "reason": "OPTION_OUT_OF_RANGE",
        "message": "options.beam_size is 99; allowed: 1 to 8",
        "metadata": {"allowed": "1 to 8"},
        "violations": [
            {
                "field": "options.beam_size",
                "description": "is 99",
                "reason": "OPTION_OUT_OF_RANGE",
            }
        ],
    }


def test_a_server_that_is_away_is_an_answer(http: TestClient, translator: FakeTranslator) -> None:
    translator.error = ConnectError("nobody is there", reason="UNREACHABLE")
    response = http.get("/api/models")
    assert response.status_code == 200
    told = response.json()["error"]
    assert (told["code"], told["reason"]) == ("UNAVAILABLE", "UNREACHABLE")


def test_a_visitors_key_goes_to_the_server_and_nowhere_else(
    http: TestClient,
    clients: FakeClients,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("DEBUG")
    header = {"authorization": "Bearer s3cret-key"}
    answers = [
        http.get("/api/models", headers=header),
        http.post("/api/translate", json={"text": "Hello"}, headers=header),
    ]
    http.get("/api/models")
    assert clients.keys == ["s3cret-key", "s3cret-key", None]
    told = [answer.text + str(answer.headers) for answer in answers]
    assert "s3cret" not in "".join([*told, *capfd.readouterr(), caplog.text])


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        ("no json", 400, "NOT_JSON"),
        ("[" * 100_000, 400, "NOT_JSON"),
        ("9" * 10_000, 400, "NOT_JSON"),
        ("[]", 400, "NO_TEXT"),
        ('{"text": 1}', 400, "NO_TEXT"),
        ('{"text": "a", "options": []}', 400, "NO_OPTIONS"),
        ('{"text": "a", "options": {"timeout": 9}}', 400, "UNKNOWN_FIELD"),
        ('{"text": "a", "target": "b"}', 400, "UNKNOWN_FIELD"),
        (json.dumps({"text": "a" * asked.MOST_BYTES}), 413, "BODY_TOO_LARGE"),
    ],
)
def test_what_is_no_request_is_refused_with_what_is_allowed(
    http: TestClient, translator: FakeTranslator, body: str, status: int, reason: str
) -> None:
    headers = {"content-type": "application/json"}
    response = http.post("/api/translate", content=body, headers=headers)
    assert (response.status_code, response.json()["error"]["reason"]) == (status, reason)
    assert len(response.text) < 2_000
    assert translator.asked == []


def test_a_form_of_another_page_is_no_request(http: TestClient) -> None:
    response = http.post("/api/translate", content='{"text": "a"}')
    assert response.status_code == 415


def test_only_so_many_texts_are_translated_at_a_time(
    clients: FakeClients, translator: FakeTranslator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "MOST_TRANSLATIONS", 0)
    with browse(clients) as http:
        response = http.post("/api/translate", json={"text": "a"})
    assert (response.status_code, response.json()["error"]["reason"]) == (
        503,
        "TOO_MANY_TRANSLATIONS",
    )
    assert translator.asked == []


def test_a_translation_that_has_ended_makes_room_for_the_next(
    clients: FakeClients, translator: FakeTranslator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "MOST_TRANSLATIONS", 1)
    with browse(clients) as http:
        assert "translation" in ask(http)[-1]
        translator.increments = (ConnectError("away"),)
        assert "error" in ask(http)[-1]
        assert "error" in ask(http)[-1]


async def test_who_takes_no_line_is_not_waited_for(
    clients: FakeClients, translator: FakeTranslator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "MOST_TRANSLATIONS", 1)
    monkeypatch.setattr(app, "TAKE_SECONDS", 0.01)
    application = app.make_app(clients)
    headers = [(b"host", b"localhost"), (b"content-type", b"application/json")]
    scope = {"type": "http", "method": "POST", "path": "/api/translate", "headers": headers}
    statuses = []

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])
        else:
            await asyncio.Event().wait()

    for _ in range(2):  # there is room again
        messages: list[Message] = [{"type": "http.request", "body": b'{"text": "a"}'}]

        async def receive(messages: list[Message] = messages) -> Message:
            if not messages:
                await asyncio.Event().wait()
            return messages.pop()

        await application(dict(scope), receive, send)
    assert statuses == [200, 200]
    assert translator.ended == 2


def test_the_clients_end_with_the_application(clients: FakeClients) -> None:
    with browse(clients):
        assert not clients.closed
    assert clients.closed
