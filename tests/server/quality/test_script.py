"""Letters of languages."""

import pytest

from dragoman_server.quality import wrong_script

MOSCOW = "Москва слезам не верит"


@pytest.mark.parametrize(
    ("target", "source", "script"),
    [
        ("Grüße aus Köln", "Greetings", "latn"),
        ("Das Wort „Москва“ ist ein Name für eine große Stadt.", "Moscow is its name", "latn"),
        ("Sie sagen Москва слезам", "They say Москва слезам", "latn"),
        ("Компания Microsoft Windows", "the company", "cyrl"),
        ("Coca-Cola Company Limited", "Coca-Cola Company Limited", "cyrl"),
        ("東京タワーに行きます", "I go to Tokyo Tower", "jpan"),
        ("Ω 5 €", "?", "latn"),
        (MOSCOW, "anything", ""),
        (MOSCOW, "anything", "zzzz"),
        ("", "anything", "latn"),
        ("x² µm ª", "x", "grek"),
    ],
)
def test_names_quotations_and_unknown_scripts_are_no_fault(
    target: str, source: str, script: str
) -> None:
    assert wrong_script(target, source, script) == ""


@pytest.mark.parametrize(
    ("target", "source", "script", "said"),
    [
        (MOSCOW, "Moscow does not believe in tears", "latn", "none of its 19 letters"),
        (MOSCOW, MOSCOW, "latn", "none of its 19 letters"),
        ("Das ist 非常に長い 文字", "This is long", "latn", "letters are"),
        ("Он сказал 你好世界", "He said hello", "cyrl", "4 of its 12 letters are Cjk"),
        ("one more thing", "ещё одна вещь", "cyrl", "none of its 12 letters"),
        ("我喜欢读书和写字而且喜欢音乐", "I like", "kore", ""),
    ],
)
def test_other_letters_are_a_fault(target: str, source: str, script: str, said: str) -> None:
    found = wrong_script(target, source, script)
    assert said in found
    assert bool(found) == bool(said)
