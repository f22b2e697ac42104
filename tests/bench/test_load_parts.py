import pytest

from dragoman.v1.translation_pb2 import TranslateTextResponse, Translation
from tests.attacks.http2 import message
from tests.bench.load_parts import check, percentile_ms
from tests.bench.open_loop import OK, Ends

ASKED = b"a question"


def answer(*texts: str) -> bytes:
    translations = [Translation(translated_text=text) for text in texts]
    return message(TranslateTextResponse(translations=translations).SerializeToString())


def test_a_translation_of_one_text_is_right() -> None:
    check(Ends(answers={ASKED: {answer("Hallo."), answer("Guten Tag.")}}))


@pytest.mark.parametrize("wrong", [answer(), answer(""), answer("Hallo.", "Hallo.")])
def test_an_answer_that_is_no_translation_is_told(wrong: bytes) -> None:
    with pytest.raises(RuntimeError, match="no translation"):
        check(Ends(answers={ASKED: {answer("Hallo."), wrong}}))


def test_what_was_not_answered_counts_as_late() -> None:
    ends = Ends(seconds={OK: [0.001 * (1 + index) for index in range(97)]})
    assert percentile_ms(ends, due=97) == pytest.approx(95)
    assert percentile_ms(ends, due=100) == float("inf")
