from pathlib import Path

import pytest

from dragoman.v1.translation_pb2 import TranslateTextResponse, Translation
from tests.attacks.http2 import message
from tests.bench.load_runs import Load
from tests.bench.open_load import OpenLoad, check, percentile_ms
from tests.bench.open_loop import OK, Ends, message_of

ASKED = message_of("Hello.")


def answer(*texts: str, tokens: int = 0) -> bytes:
    translations = [Translation(translated_text=text, target_token_count=tokens) for text in texts]
    return message(TranslateTextResponse(translations=translations).SerializeToString())


def test_a_translation_of_one_text_is_right() -> None:
    check(Ends(answers={ASKED: {answer("Hallo."), answer("Guten Tag.")}}))


@pytest.mark.parametrize("wrong", [answer(), answer(""), answer("Hallo.", "Hallo.")])
def test_an_answer_that_is_no_translation_is_told(wrong: bytes) -> None:
    with pytest.raises(RuntimeError, match="no translation"):
        check(Ends(answers={ASKED: {answer("Hallo."), wrong}}))


def test_what_was_not_answered_counts_as_late() -> None:
    ends = Ends(seconds={OK: [0.001 * (1 + index) for index in range(97)]})
    assert percentile_ms(ends) == pytest.approx(95)
    ends.left = 3
    assert percentile_ms(ends) == float("inf")


def test_a_length_that_was_asked_for_is_looked_at() -> None:
    asked = message_of("Hello.", length=7)
    check(Ends(answers={asked: {answer("Hallo.", tokens=7)}}))
    with pytest.raises(RuntimeError, match="7 target tokens were asked for, 6 came"):
        check(Ends(answers={asked: {answer("Hallo.", tokens=6)}}))


class Steady(OpenLoad):
    """In place of a server: keeps the bound up to 500 a second, for 20 seconds up to 480."""

    def _warm_up(self, address: str, rate: float) -> None:
        """There is nothing to warm up."""

    def _p97_ms(self, address: str, rate: float, seconds: float) -> float:  # noqa: ARG002
        return 100 if rate <= (480 if seconds == 20 else 500) else 300


def test_the_peak_is_what_a_confirmation_keeps() -> None:
    rate, tried = Steady([], duration=20, trial_duration=5).peak("", None)
    assert 0.9 * 480 <= rate <= 480
    assert tried[-1] == (rate, 100)


def test_what_the_open_loop_sends_is_what_dragoman_load_would(tmp_path: Path) -> None:
    source, lengths = tmp_path / "source", tmp_path / "lengths"
    source.write_text("One.\nTwo.\n", "utf-8")
    lengths.write_text("3\n4\n", "utf-8")
    bare, forced = (OpenLoad.of(Load(source, each, 30, 12)) for each in (None, lengths))
    assert bare == OpenLoad([message_of("One."), message_of("Two.")], 30, 12)
    assert forced.messages == [message_of("One.", 3), message_of("Two.", 4)]
