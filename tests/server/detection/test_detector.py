"""What languages are guessed, on sentences of thirty languages and on the shared test sets."""

import builtins
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from dragoman_server.detection import LanguageDetector, likeliest, open_detector
from dragoman_server.detection.samples import WHOLE_LENGTH, sample
from dragoman_server.errors import ConfigError
from tests.server.service.harness import make_config

EVERYDAY = Path(__file__).with_name("everyday.tsv")
SHARED = Path(__file__).parents[3].parent / "shared" / "data" / "en-de"


@pytest.fixture(scope="module")
def detector() -> LanguageDetector:
    return LanguageDetector()


def everyday() -> list[tuple[str, str]]:
    """Languages and sentences."""
    lines = EVERYDAY.read_text(encoding="utf-8").splitlines()
    return [(code, text) for code, _, text in (line.partition("\t") for line in lines)]


def best(detector: LanguageDetector, text: str) -> str:
    guesses = detector.guesses(text)
    return guesses[0].language_code if guesses else ""


def share(detector: LanguageDetector, code: str, texts: Sequence[str]) -> float:
    return sum(best(detector, text) == code for text in texts) / len(texts)


def test_everyday_sentences_of_thirty_languages_are_known(detector: LanguageDetector) -> None:
    assert len({code for code, _ in everyday()}) == 30
    wrong = Counter(code for code, text in everyday() if best(detector, text) != code)
    # Which it takes for the Malay that it is so near to.
    assert wrong.pop("id") == 10
    assert {best(detector, text) for code, text in everyday() if code == "id"} == {"ms"}
    assert not wrong


def test_what_is_sure_enough_is_right(detector: LanguageDetector) -> None:
    known = [(code, text) for code, text in everyday() if code != "id"]
    for words, told_at_least in ((1, 0.75), (2, 0.9), (3, 0.95)):
        beginnings = [(code, " ".join(text.split()[:words])) for code, text in known]
        told = [(code, likeliest(detector.guesses(text))) for code, text in beginnings]
        sure = [code == said for code, said in told if said != "und"]
        assert len(sure) / len(told) >= told_at_least
        assert sum(sure) / len(sure) >= 0.93


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs the shared test sets")
@pytest.mark.parametrize("code", ["en", "de"])
@pytest.mark.parametrize(
    ("name", "whole", "three_words"), [("flores_dev", 0.998, 0.965), ("tatoeba_test", 0.996, 0.98)]
)
def test_lines_of_test_sets_and_their_first_words(
    detector: LanguageDetector, code: str, name: str, whole: float, three_words: float
) -> None:
    lines = (SHARED / f"{name}.{code}").read_text(encoding="utf-8").splitlines()
    assert share(detector, code, lines) >= whole
    beginnings = [" ".join(line.split()[:3]) for line in lines]
    assert share(detector, code, beginnings) >= three_words


def test_guesses_are_probabilities_best_first(detector: LanguageDetector) -> None:
    guesses = detector.guesses("Wo ist der Bahnhof?")
    confidences = [guess.confidence for guess in guesses]
    assert guesses[0].language_code == "de"
    assert confidences == sorted(confidences, reverse=True)
    assert sum(confidences) == pytest.approx(1)


@pytest.mark.parametrize("text", ["", " \n\t", "12:30", "!?…", "🙂🚆", "\u200d\ufeff", "\0a"])
def test_without_letters_nothing_is_guessed(detector: LanguageDetector, text: str) -> None:
    assert detector.guesses(text) == []
    assert likeliest(detector.guesses(text)) == "und"


def test_a_long_text_is_looked_at_in_three_places() -> None:
    text = "a" * 10_000 + "b" * 10_000 + "c" * 10_000
    looked_at = sample(text)
    assert len(looked_at) == WHOLE_LENGTH + 2
    assert looked_at.split() == ["a" * 110, "b" * 110, "c" * 110]
    assert sample(text[:WHOLE_LENGTH]) == text[:WHOLE_LENGTH]
    # What the library looks at: no part of it is lost in any script of the BMP.
    assert len(sample("語" * 1000).encode()) <= 1000


def test_without_the_library_the_server_says_what_it_needs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert open_detector(make_config()) is None
    real = builtins.__import__

    def without(name: str, *rest: object) -> object:
        if name == "eldc":
            raise ModuleNotFoundError("No module named 'eldc'", name="eldc")
        return real(name, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ConfigError, match=r"needs eldc: .*\[detection\]"):
        open_detector(make_config(detect_languages=True))


def test_it_says_which_languages_it_may_guess(detector: LanguageDetector) -> None:
    assert len(detector.languages) == 60
    assert {"en", "de", "zh", "ru"} <= detector.languages
    assert {guess.language_code for guess in detector.guesses("Das ist so.")} <= detector.languages
