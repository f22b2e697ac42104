"""Translations of a text's stretches, put together."""

from collections.abc import Sequence

import pytest

from dragoman.v1.translation_pb2 import (
    FINISH_REASON_LENGTH,
    FINISH_REASON_STOP,
    AlignmentLink,
    DecodingOptions,
    Segment,
    Translation,
    Warning,  # noqa: A004  the wire's word
    WordConfidence,
)
from dragoman_server.detection import Guess
from dragoman_server.service.stretched import Part, joined
from dragoman_server.texts import Spacing

GERMAN = Spacing("de")


def part(text: str, whole: str, code: str, *, is_translated: bool = True) -> Part:
    begin = whole.index(text)
    return Part(begin, begin + len(text), Guess(code, 0.9), is_translated)


def translation(text: str, **fields: object) -> Translation:
    return Translation(
        translated_text=text,
        finish_reason=FINISH_REASON_STOP,
        source_token_count=3,
        target_token_count=4,
        model="m",
        model_version="1",
        **fields,  # type: ignore[arg-type]
    )


def put_together(
    whole: str,
    parts: Sequence[Part],
    *made: Translation,
    spacing: Spacing = GERMAN,
    **options: float,
) -> Translation:
    return joined(whole, parts, iter(made), spacing, DecodingOptions(**options))  # type: ignore[arg-type]


TEXT = "- One two.\n\tUn deux. Drei.\n"
PARTS = (
    part("One two.", TEXT, "en"),
    part("Un deux.", TEXT, "fr"),
    part("Drei.", TEXT, "de", is_translated=False),
)


def test_what_is_between_parts_and_around_them_stays() -> None:
    made = put_together(TEXT, PARTS, translation("Eins und zwei."), translation("Eins."))
    assert made.translated_text == "- Eins und zwei.\n\tEins. Drei.\n"
    spans = [(each.target_begin, each.target_end) for each in made.segments]
    assert spans == [(2, 16), (18, 23), (24, 29)]
    assert [made.translated_text[begin:end] for begin, end in spans] == [
        *("Eins und zwei.", "Eins.", "Drei.")
    ]
    assert [(each.source_begin, each.source_end) for each in made.segments] == [
        (each.begin, each.end) for each in PARTS
    ]


def test_sentences_and_links_of_a_part_are_moved_to_where_it_is() -> None:
    segment = Segment(
        source_begin=1, source_end=4, target_begin=2, target_end=6, source_token_count=3
    )
    link = AlignmentLink(source_begin=0, source_end=2, target_begin=1, target_end=3, weight=0.5)
    second = translation("Eins.", segments=[segment], alignment=[link])
    made = put_together(TEXT, PARTS, translation("1 2."), second)
    segment = made.segments[1]
    assert (segment.source_begin, segment.source_end) == (13, 16)
    assert (segment.target_begin, segment.target_end) == (8 + 2, 8 + 6)
    assert segment.detected_language_code == "fr"
    assert segment.source_token_count == 3
    (moved,) = made.alignment
    assert (moved.source_begin, moved.source_end) == (12, 14)
    assert (moved.target_begin, moved.target_end) == (9, 11)
    assert moved.weight == 0.5


def test_counts_are_sums_and_a_part_that_is_cut_cuts_the_whole() -> None:
    cut = translation("Eins.", token_scores=[-1, -2])
    cut.finish_reason = FINISH_REASON_LENGTH
    made = put_together(TEXT, PARTS, translation("Zwei.", token_scores=[-3]), cut)
    assert made.source_token_count == 6
    assert made.target_token_count == 8
    assert list(made.token_scores) == [-3, -1, -2]
    assert made.finish_reason == FINISH_REASON_LENGTH
    assert [each.finish_reason for each in made.segments] == [
        *(FINISH_REASON_STOP, FINISH_REASON_LENGTH, FINISH_REASON_STOP)
    ]


def test_the_score_is_as_if_all_parts_were_one_sentence() -> None:
    short, long = translation("a", score=-1.0), translation("b", score=-0.5)
    short.target_token_count, long.target_token_count = 1, 7
    made = put_together(TEXT, PARTS, short, long)
    assert made.score == pytest.approx((-1.0 * 2 + -0.5 * 8) / 10)
    made = put_together(TEXT, PARTS, short, long, beam_size=4, length_penalty=2.0)
    assert made.score == pytest.approx((-1.0 * 2**2 + -0.5 * 8**2) / 10**2)
    long.finish_reason = FINISH_REASON_LENGTH  # without an end, but with beams
    made = put_together(TEXT, PARTS, short, long)
    assert made.score == pytest.approx((-1.0 * 2 + -0.5 * 7) / 9)
    made = put_together(TEXT, PARTS, short, long, beam_size=4)
    assert made.score == pytest.approx((-1.0 * 2 + -0.5 * 8) / 10)


def test_without_scores_there_is_none_and_one_alone_is_as_it_is() -> None:
    assert not put_together(TEXT, PARTS, translation("a"), translation("b")).HasField("score")
    scored, nothing = translation("a", score=-0.7), Translation()
    assert put_together(TEXT, PARTS, scored, nothing).score == scored.score


def test_it_is_as_sure_as_its_parts_by_their_tokens_and_words_are_moved() -> None:
    first = translation("Eins.", confidence=0.5, words=[WordConfidence(begin=0, end=4)])
    second = translation("Zwei.", confidence=0.8, words=[WordConfidence(begin=0, end=4)])
    second.target_token_count = 8
    made = put_together(TEXT, PARTS, first, second)
    assert made.confidence == pytest.approx(0.7)
    assert [each.confidence for each in made.segments[:2]] == [0.5, 0.8]
    assert not made.segments[2].HasField("confidence")
    assert [made.translated_text[each.begin : each.end] for each in made.words] == ["Eins", "Zwei"]
    assert not put_together(TEXT, PARTS, translation("1."), translation("2.")).HasField(
        "confidence"
    )


def test_a_warning_is_told_once_and_models_are_each_named_once() -> None:
    warning = Warning(reason="SENTENCE_SPLIT", message="1 sentence")
    other = translation("b", warnings=[warning, Warning(reason="TERM_MOVED", message="a term")])
    other.model, other.model_version = "n", "2"
    parts = [*PARTS[:2], PARTS[2]._replace(is_translated=True)]
    made = put_together(TEXT, parts, translation("a", warnings=[warning]), other, translation("c"))
    assert [each.reason for each in made.warnings] == ["SENTENCE_SPLIT", "TERM_MOVED"]
    assert (made.model, made.model_version) == ("m,n", "1,2")


def test_the_language_is_that_of_most_of_the_text() -> None:
    made = put_together(TEXT, PARTS, translation("a"), translation("b"))
    assert made.detected_language_code == "en"  # the first of two that are as long
    assert made.detected_language_confidence == pytest.approx(0.9)
    longest = [PARTS[0], PARTS[1], Part(12, 26, Guess("de", 0.6), is_translated=False)]
    assert put_together(TEXT, longest, *[translation("a")] * 2).detected_language_code == "de"


def test_languages_without_spaces_have_none_between_what_is_translated() -> None:
    text = "One. Un."
    parts = [part("One.", text, "en"), part("Un.", text, "fr")]
    made = [translation("一。"), translation("二。")]
    assert put_together(text, parts, *made, spacing=Spacing("zh")).translated_text == "一。二。"
    kept = [each._replace(is_translated=False) for each in parts]
    assert put_together(text, kept, spacing=Spacing("zh")).translated_text == text


def test_languages_with_spaces_have_one_where_the_text_has_none() -> None:
    text = "你好。Hello."
    parts = [part("你好。", text, "zh"), part("Hello.", text, "en")]
    made = [translation("Guten Tag."), translation("Hallo.")]
    assert put_together(text, parts, *made).translated_text == "Guten Tag. Hallo."
    kept = [each._replace(is_translated=False) for each in parts]
    assert put_together(text, kept).translated_text == text
