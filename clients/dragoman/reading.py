"""Reads the server's answers off the wire, as what the client hands back.

Knows the response messages. Does not know calls or requests.
"""

from array import array

from dragoman.errors import ServerError
from dragoman.results import (
    AlignmentLink,
    Attention,
    AttentionWeights,
    DetectedLanguage,
    DetectedLanguages,
    FinishReason,
    Hypothesis,
    LanguageSpan,
    Limits,
    Model,
    Segment,
    Translation,
    Warning,  # noqa: A004  the wire's word
    WordConfidence,
)
from dragoman.v1 import translation_pb2 as pb

_FINISH_REASONS = {
    pb.FINISH_REASON_STOP: FinishReason.STOP,
    pb.FINISH_REASON_LENGTH: FinishReason.LENGTH,
}


def read_translation(message: pb.Translation) -> Translation:
    """Converts one translation.

    Raises:
        ServerError: The finish reason is one that this version of the client does not know.
    """
    return Translation(
        translated_text=message.translated_text,
        finish_reason=_finish_reason(message),
        score=message.score if message.HasField("score") else None,
        source_token_count=message.source_token_count,
        target_token_count=message.target_token_count,
        model=message.model,
        token_scores=tuple(message.token_scores),
        hypotheses=tuple(map(_read_hypothesis, message.hypotheses)),
        model_version=message.model_version,
        segments=tuple(map(_read_segment, message.segments)),
        warnings=tuple(Warning(each.reason, each.message) for each in message.warnings),
        detected_language_code=message.detected_language_code,
        detected_language_confidence=message.detected_language_confidence,
        alignment=tuple(map(_read_link, message.alignment)),
        attention=_read_attention(message.attention) if message.HasField("attention") else None,
        target_language_code=message.target_language_code,
        confidence=message.confidence if message.HasField("confidence") else None,
        words=tuple(
            WordConfidence(each.begin, each.end, each.confidence) for each in message.words
        ),
    )


def read_translations(message: pb.TranslateTextResponse | None, expected: int) -> list[Translation]:
    """Converts the answer to `expected` texts.

    Args:
        message: None where gRPC told of success and had no message, as it sometimes does when a
            deadline passes at that moment.
        expected: Number of texts.

    Raises:
        ServerError: It is missing, or holds fewer or more translations.
    """
    if message is None:
        raise ServerError("the call ended without an error, but also without an answer")
    if len(message.translations) != expected:
        raise ServerError(f"{len(message.translations)} translations came for {expected} texts")
    return [read_translation(translation) for translation in message.translations]


def by_language(
    translations: list[Translation], codes: tuple[str, ...]
) -> dict[str, list[Translation]]:
    """Returns the translations into each language, of all that came text by text."""
    return {code: translations[index :: len(codes)] for index, code in enumerate(codes)}


def read_detected(
    message: pb.DetectLanguageResponse | None, expected: int
) -> list[DetectedLanguages]:
    """Converts the languages of `expected` texts; see read_translations.

    Raises:
        ServerError: They are missing, or fewer or more.
    """
    if message is None:
        raise ServerError("the call ended without an error, but also without an answer")
    if len(message.detected) != expected:
        raise ServerError(f"the languages of {len(message.detected)} texts came for {expected}")
    return [
        DetectedLanguages(
            each.language_code,
            tuple(
                DetectedLanguage(guess.language_code, guess.confidence) for guess in each.languages
            ),
            tuple(
                LanguageSpan(span.begin, span.end, span.language_code, span.confidence)
                for span in each.spans
            ),
        )
        for each in message.detected
    ]


def read_models(message: pb.ListModelsResponse) -> list[Model]:
    """Converts the list of models, sorted by name and version."""
    models = map(_read_model, message.models)
    return sorted(models, key=lambda model: (model.name, model.version))


def _read_hypothesis(message: pb.Hypothesis) -> Hypothesis:
    return Hypothesis(
        translated_text=message.translated_text,
        finish_reason=_finish_reason(message),
        score=message.score if message.HasField("score") else None,
        target_token_count=message.target_token_count,
        token_scores=tuple(message.token_scores),
    )


def _read_link(message: pb.AlignmentLink) -> AlignmentLink:
    return AlignmentLink(
        source_begin=message.source_begin,
        source_end=message.source_end,
        target_begin=message.target_begin,
        target_end=message.target_end,
        weight=message.weight,
        is_hard=message.is_hard,
    )


def _read_attention(message: pb.Attention) -> Attention:
    return Attention(
        source_tokens=tuple(message.source_tokens),
        target_tokens=tuple(message.target_tokens),
        encoder=_read_weights(message.encoder),
        decoder=_read_weights(message.decoder),
        cross=_read_weights(message.cross),
    )


def _read_weights(message: pb.AttentionWeights) -> AttentionWeights:
    shape = (message.layer_count, message.head_count, message.query_count, message.key_count)
    return AttentionWeights(shape, array("f", message.values))


def _read_segment(message: pb.Segment) -> Segment:
    return Segment(
        source_begin=message.source_begin,
        source_end=message.source_end,
        target_begin=message.target_begin,
        target_end=message.target_end,
        finish_reason=_finish_reason(message),
        score=message.score if message.HasField("score") else None,
        source_token_count=message.source_token_count,
        target_token_count=message.target_token_count,
        detected_language_code=message.detected_language_code,
        confidence=message.confidence if message.HasField("confidence") else None,
    )


def _finish_reason(message: pb.Translation | pb.Hypothesis | pb.Segment) -> FinishReason:
    if message.finish_reason not in _FINISH_REASONS:
        raise ServerError(
            f"finish_reason {message.finish_reason} is unknown to this client: it is older than "
            "the server and must be updated"
        )
    return _FINISH_REASONS[message.finish_reason]


def _read_model(message: pb.Model) -> Model:
    limits = message.limits
    return Model(
        name=message.name,
        architecture=message.architecture,
        source_language_codes=tuple(message.source_language_codes),
        target_language_codes=tuple(message.target_language_codes),
        precision=message.precision,
        provider=message.provider,
        limits=Limits(
            max_contents=limits.max_contents,
            max_code_points=limits.max_code_points,
            max_input_length=limits.max_input_length,
            max_decoding_length=limits.max_decoding_length,
            max_beam_size=limits.max_beam_size,
            max_stream_texts=limits.max_stream_texts,
        ),
        version=message.version,
        is_default=message.is_default or not message.version,  # older servers have one of each
        runtime=message.runtime,
        shortlist=message.shortlist,
    )
