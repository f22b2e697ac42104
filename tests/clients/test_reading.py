import pytest

from dragoman.errors import ServerError
from dragoman.reading import (
    read_detected,
    read_models,
    read_translation,
    read_translations,
)
from dragoman.results import (
    AlignmentLink,
    FinishReason,
    Model,
    Segment,
    Warning,  # noqa: A004  the wire's word
    WordConfidence,
)
from dragoman.v1 import translation_pb2 as pb


def test_success_without_a_message_is_the_servers_fault() -> None:
    with pytest.raises(ServerError, match="without an answer"):
        read_translations(None, 1)


def test_a_missing_translation_is_the_servers_fault() -> None:
    with pytest.raises(ServerError, match="1 translations came for 2 texts"):
        read_translations(pb.TranslateTextResponse(translations=[pb.Translation()]), 2)


def test_missing_languages_are_the_servers_fault() -> None:
    with pytest.raises(ServerError, match="without an answer"):
        read_detected(None, 1)
    with pytest.raises(ServerError, match="the languages of 1 texts came for 2"):
        read_detected(pb.DetectLanguageResponse(detected=[pb.DetectedLanguages()]), 2)


def test_what_was_found_out_of_a_text_is_part_of_its_translation() -> None:
    message = pb.Translation(
        finish_reason=pb.FINISH_REASON_STOP,
        detected_language_code="de",
        detected_language_confidence=0.75,
    )
    translation = read_translation(message)
    assert translation.detected_language_code == "de"
    assert translation.detected_language_confidence == 0.75


def test_a_translation_has_its_sentences_and_warnings() -> None:
    message = pb.Translation(
        translated_text=" Eins.\nZwei",
        finish_reason=pb.FINISH_REASON_LENGTH,
        segments=[
            pb.Segment(
                source_begin=1,
                source_end=5,
                target_begin=1,
                target_end=6,
                finish_reason=pb.FINISH_REASON_STOP,
                score=-0.5,
                source_token_count=3,
                target_token_count=2,
                detected_language_code="en",
            ),
            pb.Segment(target_begin=7, target_end=11, finish_reason=pb.FINISH_REASON_LENGTH),
        ],
        warnings=[pb.Warning(reason="SENTENCE_SPLIT", message="It is in parts")],
    )
    translation = read_translation(message)
    assert translation.segments == (
        Segment(1, 5, 1, 6, FinishReason.STOP, -0.5, 3, 2, "en"),
        Segment(0, 0, 7, 11, FinishReason.LENGTH, None, 0, 0),
    )
    assert translation.warnings == (Warning("SENTENCE_SPLIT", "It is in parts"),)


def test_a_translation_of_a_whole_text_has_no_sentences() -> None:
    translation = read_translation(pb.Translation(finish_reason=pb.FINISH_REASON_STOP))
    assert translation.segments == ()
    assert translation.warnings == ()


def models(**versions: bool) -> list[Model]:
    """Versions of one model, and whether each is the default."""
    response = pb.ListModelsResponse(
        models=[
            pb.Model(name="en-de", version=version.removeprefix("v"), is_default=is_default)
            for version, is_default in versions.items()
        ]
    )
    return read_models(response)


def test_a_model_answers_to_its_name_only_where_it_is_the_default() -> None:
    first, second = models(v1=False, v2=True)
    assert [first.answers_to(name) for name in ("", "en-de", "en-de@1", "en-de@2")] == [
        *(False, False),
        *(True, False),
    ]
    assert [second.answers_to(name) for name in ("", "en-de", "en-de@1", "en-de@2")] == [
        *(True, True),
        *(False, True),
    ]
    assert not second.answers_to("en-fr")


def test_a_server_that_knows_no_versions_has_one_of_each_model() -> None:
    (model,) = read_models(pb.ListModelsResponse(models=[pb.Model(name="en-de")]))
    assert model.answers_to("en-de")


def test_links_and_weights_are_read_as_they_are() -> None:
    weights = pb.AttentionWeights(
        layer_count=2, head_count=2, query_count=1, key_count=3, values=[n / 4 for n in range(12)]
    )
    message = pb.Translation(
        finish_reason=pb.FINISH_REASON_STOP,
        alignment=[
            pb.AlignmentLink(
                source_begin=1, source_end=3, target_begin=4, target_end=9, weight=0.5, is_hard=True
            )
        ],
        attention=pb.Attention(
            source_tokens=["a", "b", "</s>"], target_tokens=["</s>"], encoder=weights, cross=weights
        ),
    )
    (translation,) = read_translations(pb.TranslateTextResponse(translations=[message]), 1)
    assert translation.alignment == (AlignmentLink(1, 3, 4, 9, 0.5, is_hard=True),)
    attention = translation.attention
    assert attention is not None
    assert (attention.source_tokens, attention.target_tokens) == (("a", "b", "</s>"), ("</s>",))
    assert attention.cross.shape == (2, 2, 1, 3)
    assert [list(row) for row in attention.cross.head(1, 0)] == [[1.5, 1.75, 2.0]]
    assert attention.decoder.shape == (0, 0, 0, 0)  # of a recurrent decoder
    for layer, head in ((2, 0), (0, 2), (-1, 0)):
        with pytest.raises(IndexError, match="2 layers of 2 heads"):
            attention.cross.head(layer, head)


def test_what_was_not_asked_for_is_not_there() -> None:
    message = pb.Translation(finish_reason=pb.FINISH_REASON_STOP)
    (translation,) = read_translations(pb.TranslateTextResponse(translations=[message]), 1)
    assert (translation.alignment, translation.attention) == ((), None)
    assert (translation.confidence, translation.words) == (None, ())


def test_it_is_read_how_sure_a_translation_its_sentences_and_its_words_are() -> None:
    sentence = pb.Segment(target_end=3, finish_reason=pb.FINISH_REASON_STOP)
    message = pb.Translation(
        finish_reason=pb.FINISH_REASON_STOP,
        confidence=0.0,
        words=[pb.WordConfidence(begin=1, end=3, confidence=0.25)],
        segments=[pb.Segment(confidence=0.5, finish_reason=pb.FINISH_REASON_STOP), sentence],
    )
    (translation,) = read_translations(pb.TranslateTextResponse(translations=[message]), 1)
    assert translation.confidence == 0.0
    assert translation.words == (WordConfidence(1, 3, 0.25),)
    assert [segment.confidence for segment in translation.segments] == [0.5, None]
