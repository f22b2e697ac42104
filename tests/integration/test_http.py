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
riva = pytest.importorskip("riva.client")

TEXTS = [
    "The weather is nice today, and nobody wants to stay at home.",
    "First of all: thank you! We had not expected that.\n\n* one\n* and another one",
    "",
]


@pytest.fixture(scope="module")
def served(bundles: Bundles) -> Iterator[Served]:
    with Served(bundles["int8"], http_port=0, engines=1, interfaces="riva") as served:
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


@pytest.fixture(scope="module")
def hypotheses(served: Served) -> list[list[str]]:
    """The three best of a beam of four, of each text that has any."""
    with Client(served.address) as client:
        return [
            [each.translated_text for each in translation.hypotheses]
            for translation in client.translate(TEXTS[:2], num_hypotheses=3, beam_size=4)
        ]


def test_alternatives_of_libretranslate_are_hypotheses(
    served: Served, hypotheses: list[list[str]]
) -> None:
    asked = {"q": TEXTS[:2], "source": "en", "target": "de", "alternatives": 2}
    headers = {"content-type": "application/json"}
    request = urllib.request.Request(
        f"{url(served)}/translate", json.dumps(asked).encode(), headers
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        told = json.loads(answer.read())
    firsts = [first for first, *_ in hypotheses]
    assert told == {"translatedText": firsts, "alternatives": [rest for _, *rest in hypotheses]}


def test_choices_of_openai_are_hypotheses(served: Served, hypotheses: list[list[str]]) -> None:
    with openai.OpenAI(base_url=f"{url(served)}/v1", api_key="none") as client:
        for text, expected in zip(TEXTS, hypotheses, strict=False):
            answer = client.chat.completions.create(
                model="marian-en-de", messages=[{"role": "user", "content": text}], n=3
            )
            assert [choice.message.content for choice in answer.choices] == expected


def test_rivas_client_gets_the_same(served: Served, native: list[str]) -> None:
    auth = riva.Auth(uri=served.address)
    answer = riva.NeuralMachineTranslationClient(auth).translate(TEXTS, "", "en", "de")
    assert [each.text for each in answer.translations] == native
    kept = ["Dragoman", "weather"]
    with Client(served.address) as client:
        (ours,) = client.translate(["The weather of Dragoman."], dnt_phrases=kept)
    phrases = dict.fromkeys(kept, "")
    (theirs,) = (
        riva.NeuralMachineTranslationClient(auth)
        .translate(["The weather of Dragoman."], "", "en", "de", dnt_phrases_dict=phrases)
        .translations
    )
    auth.channel.close()
    assert theirs.text == ours.translated_text


@pytest.mark.parametrize("markup", ["html", "xml"])
def test_deepls_clients_get_the_same_markup(served: Served, markup: str) -> None:
    text = "<p>The <b>weather</b> is nice today.</p><p>We thank &amp; go.</p>"
    client = deepl.DeepLClient("none", server_url=url(served))
    answer = client.translate_text(text, target_lang="DE", tag_handling=markup)
    with Client(served.address) as ours:
        (native,) = ours.translate([text], mime_type="text/html")
    assert answer.text == native.translated_text


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
