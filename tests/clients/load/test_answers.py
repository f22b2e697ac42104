from dragoman.load.answers import MOST_TOLD, NO_MESSAGE, OK, WRONG, Answer, Reader
from dragoman.load.sentences import Sentences
from dragoman.v1 import translation_pb2 as pb


def response(*texts: str) -> pb.TranslateTextResponse:
    return pb.TranslateTextResponse(
        translations=[
            pb.Translation(translated_text=text, target_token_count=len(text)) for text in texts
        ]
    )


def test_answers_are_those_of_the_samples_in_their_order() -> None:
    reader = Reader(Sentences("", ["a", "b", "c"]))
    answers = reader.read(response("CC", "A"), [11, 12], [2, 0], 0.5)
    assert answers == [Answer(11, OK, 0.5, 2), Answer(12, OK, 0.5, 1)]
    assert reader.translations == {2: "CC", 0: "A"}
    assert not reader.wrong


def test_the_first_translation_of_a_sentence_is_kept() -> None:
    reader = Reader(Sentences("", ["a"]))
    for text in ("first", "second"):
        reader.read(response(text), [1], [0], 0.1)
    assert reader.translations == {0: "first"}


def test_another_text_than_expected_is_wrong_and_told() -> None:
    reader = Reader(Sentences("", ["a", "b"], expected=["A", "B"]))
    answers = reader.read(response("A", "b!"), [1, 2], [0, 1], 0.1)
    assert [answer.status for answer in answers] == [OK, WRONG]
    assert reader.wrong == ["line 2, 'b': expected 'B', came 'b!'"]


def test_another_length_than_asked_for_is_wrong() -> None:
    reader = Reader(Sentences("", ["a"], target_lengths=[3]))
    assert reader.read(response("AAA"), [1], [0], 0.1)[0].status == OK
    assert reader.read(response("AA"), [2], [0], 0.1)[0].status == WRONG
    assert reader.wrong == ["line 1, 'a': expected 3 target tokens, came 2"]


def test_a_missing_translation_makes_all_of_the_request_wrong() -> None:
    reader = Reader(Sentences("", ["a", "b"]))
    answers = reader.read(response("A"), [1, 2], [0, 1], 0.1)
    assert [answer.status for answer in answers] == [WRONG, WRONG]
    assert reader.wrong == ["1 translations came for 2 texts"]


def test_success_without_a_message_is_a_failure() -> None:
    answers = Reader(Sentences("", ["a", "b"])).read(None, [1, 2], [0, 1], 0.1)
    assert [answer.status for answer in answers] == [NO_MESSAGE, NO_MESSAGE]


def test_only_the_first_wrong_answers_are_kept() -> None:
    reader = Reader(Sentences("", ["a"], expected=["A"]))
    for number in range(MOST_TOLD + 5):
        reader.read(response("x"), [number], [0], 0.1)
    assert len(reader.wrong) == MOST_TOLD
