"""The stretches of texts in several languages, and that none are invented in others."""

import random
from pathlib import Path

import pytest

from dragoman_server.detection import LanguageDetector, find_stretches
from tests.bench.mixed_languages import alternating, measured, quoting, sets, uniform

SHARED = Path(__file__).parents[3].parent / "shared" / "data" / "en-de"

ENGLISH = "Where is the railway station?"
GERMAN = "Ich weiß nicht, was ich tun soll."
FRENCH = "Je ne sais pas quoi faire."


@pytest.fixture(scope="module")
def detector() -> LanguageDetector:
    return LanguageDetector()


async def told(detector: LanguageDetector, text: str) -> list[tuple[str, str]]:
    """Languages, and what is in them."""
    found = await find_stretches(text, detector)
    assert [each.begin for each in found] == sorted(each.begin for each in found)
    return [(code, text[begin:end]) for begin, end, code in found]


async def test_sentences_that_follow_each_other_are_one_stretch(
    detector: LanguageDetector,
) -> None:
    text = f" {ENGLISH}\n{ENGLISH} {GERMAN}  {GERMAN}\n\n- {FRENCH} 🙂\n"
    assert await told(detector, text) == [
        ("en", f"{ENGLISH}\n{ENGLISH}"),
        ("de", f"{GERMAN}  {GERMAN}"),
        ("fr", FRENCH),
    ]


async def test_a_text_in_one_language_is_one_stretch_with_all_its_sentences(
    detector: LanguageDetector,
) -> None:
    text = f"“{GERMAN}”, sagte Peter Miller. OK. “Ja.” {GERMAN}"
    assert await told(detector, text) == [("de", text)]


async def test_what_is_short_goes_with_what_is_around_it(detector: LanguageDetector) -> None:
    text = f"{GERMAN}\nOK.\nHotel\nNew York\n{GERMAN}"
    assert await told(detector, text) == [("de", text)]


async def test_a_quotation_is_without_its_marks(detector: LanguageDetector) -> None:
    outer = "The minister answered the question of the reporters"
    inner = "Ich weiß wirklich nicht, was wir jetzt noch tun sollen"
    text = f"{outer}: „{inner}“ and then he left the building without another word."
    assert await told(detector, text) == [
        ("en", f"{outer}:"),
        ("de", inner),
        ("en", "and then he left the building without another word."),
    ]


async def test_another_script_is_a_border_without_a_space(detector: LanguageDetector) -> None:
    text = "今天天气很好。Let's go for a walk in the park. Η Αθήνα είναι η πρωτεύουσα."
    assert await told(detector, text) == [
        ("zh", "今天天气很好。"),
        ("en", "Let's go for a walk in the park."),
        ("el", "Η Αθήνα είναι η πρωτεύουσα."),
    ]


async def test_addresses_and_placeholders_are_in_no_language(detector: LanguageDetector) -> None:
    text = "Подробнее об этом https://example.com/the/story/of/all/of/our/lives и {user_name} там."
    assert [code for code, _ in await told(detector, text)] == ["ru"]


async def test_without_letters_there_are_none_and_with_few_one_of_no_language(
    detector: LanguageDetector,
) -> None:
    for text in ("", " \n", "12:30", "🙂"):
        assert await told(detector, text) == []
    assert await told(detector, "ab. 1") == [("", "ab.")]


async def test_of_two_languages_that_are_near_the_wanted_one_is_found(
    detector: LanguageDetector,
) -> None:
    text = f"{ENGLISH}\nMoje sestra pracuje v nemocnici."  # Czech, and Slovak
    everything = await find_stretches(text, detector)
    wanted = await find_stretches(text, detector, {"en": "en", "sk": "sk"}.get)
    assert [each.language_code for each in everything] == ["en", "cs"]
    assert [each.language_code for each in wanted] == ["en", "sk"]


@pytest.mark.parametrize("name", ["everyday", "flores_dev"])
def test_most_of_what_is_made_of_several_languages_is_told_apart(
    detector: LanguageDetector, name: str
) -> None:
    if name != "everyday" and not SHARED.is_dir():
        pytest.skip("needs the shared test sets")
    sentences = sets(SHARED if name != "everyday" else None)[name]
    rng = random.Random(7)
    texts = [alternating(sentences, rng) for _ in range(100)]
    found = measured(detector, texts, None)
    assert found.right >= 0.99
    assert found.exact >= 0.9
    if name == "flores_dev":
        quoted = measured(detector, [quoting(sentences, rng) for _ in range(100)], None)
        assert quoted.right >= 0.97
        assert quoted.exact >= 0.85


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs the shared test sets")
@pytest.mark.parametrize(("name", "whole"), [("flores_dev", 0.95), ("newstest2014", 0.97)])
def test_foreign_stretches_are_rarely_invented(
    detector: LanguageDetector, name: str, whole: float
) -> None:
    sentences = sets(SHARED)[name]
    rng = random.Random(7)
    texts = [uniform(8)(sentences, rng) for _ in range(150)]
    assert measured(detector, texts, None).exact >= whole
    assert measured(detector, texts, {"en": "en", "de": "de"}.get).exact >= 0.98
