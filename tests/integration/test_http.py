"""Clients of other services before a real model: what they get is what our own client gets."""

import json
import urllib.request
from collections.abc import Iterator

import pytest

from dragoman import Client
from tests.integration.conftest import Bundles
from tests.integration.served import Served

pytest.importorskip("starlette")
deepl = pytest.importorskip("deepl")
openai = pytest.importorskip("openai")

TEXTS = [
    "The weather is nice today, and nobody wants to stay at home.",
    "First of all: thank you! We had not expected that.\n\n* one\n* and another one",
    "",
]


@pytest.fixture(scope="module")
def served(bundles: Bundles) -> Iterator[Served]:
    with Served(bundles["int8"], http_port=0, engines=1) as served:
        yield served


@pytest.fixture(scope="module")
def native(served: Served) -> list[str]:
    with Client(served.address) as client:
        return [translation.translated_text for translation in client.translate(TEXTS)]


def url(served: Served) -> str:
    return f"http://{served.event('ready')['http_address']}"


def test_libretranslates_clients_get_the_same(served: Served, native: list[str]) -> None:
    asked = {"q": TEXTS, "source": "en", "target": "de"}
    headers = {"content-type": "application/json"}
    request = urllib.request.Request(
        f"{url(served)}/translate", json.dumps(asked).encode(), headers
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        assert json.loads(answer.read()) == {"translatedText": native}


def test_deepls_clients_get_the_same(served: Served, native: list[str]) -> None:
    client = deepl.DeepLClient("none", server_url=url(served))
    answers = client.translate_text(TEXTS, target_lang="DE")
    assert [(each.text, each.detected_source_lang) for each in answers] == [
        (text, "EN") for text in native
    ]


def test_openais_clients_get_the_same_whole_and_as_it_grows(
    served: Served, native: list[str]
) -> None:
    model = "marian-en-de:en-de"
    with openai.OpenAI(base_url=f"{url(served)}/v1", api_key="none") as client:
        assert model in [each.id for each in client.models.list()]
        for text, expected in zip(TEXTS, native, strict=True):
            messages = [{"role": "user", "content": text}]
            whole = client.chat.completions.create(model=model, messages=messages)
            assert whole.choices[0].message.content == expected
            stream = client.chat.completions.create(model=model, messages=messages, stream=True)
            parts = [chunk.choices[0].delta.content or "" for chunk in stream]
            assert "".join(parts) == expected
