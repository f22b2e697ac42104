"""Google's TranslateText, in our words.

A request with a glossary is two of ours: Google answers with the translations that its model gives
and with those that the glossary makes of them. Does not know how anything is translated.
"""

from collections.abc import Sequence

from dragoman.v1.translation_pb2 import (
    GLOSSARY_MODE_HARD,
    GLOSSARY_MODE_SOFT,
    GlossaryConfig,
    TranslateTextRequest,
    TranslateTextResponse,
)
from dragoman_server.errors import UnsupportedError
from dragoman_server.interfaces.google import messages as google
from dragoman_server.interfaces.google.names import (
    check_labels,
    check_parent,
    glossary_of,
    model_of,
)
from dragoman_server.service import HTML, Wordings, wrong_field

DEFAULT_MIME_TYPE = HTML
"""What texts are where nobody says so."""


def translate_text() -> "Wordings[google.Message]":
    """Returns the call."""
    return Wordings(google.TranslateTextRequest, ours, _tell)


def ours(request: google.Message) -> list[TranslateTextRequest]:
    """Returns our request for Google's, and after it the one with its glossary where it names one.

    Raises:
        InvalidArgumentError: A name or a label is not as Google wants it, or there is no target.
        UnsupportedError: It asks for transliteration.
    """
    check_parent(request.parent)
    check_labels(request.labels)
    check_target(request.target_language_code)
    if request.transliteration_config.enable_transliteration:
        raise UnsupportedError(
            "transliteration_config: no model here reads other letters than its language's own"
        )
    asked = TranslateTextRequest(
        contents=request.contents,
        mime_type=request.mime_type or DEFAULT_MIME_TYPE,
        source_language_code=request.source_language_code,
        target_language_code=request.target_language_code,
        model=model_of(request.model),
    )
    if not request.HasField("glossary_config"):
        return [asked]
    with_terms = TranslateTextRequest(glossary_config=terms_of(request.glossary_config))
    with_terms.MergeFrom(asked)
    return [asked, with_terms]


def check_target(code: str, field: str = "target_language_code") -> None:
    """Raises InvalidArgumentError where there is none: Google never guesses it."""
    if not code:
        raise wrong_field(field, "nothing", "the code of a language", reason="NO_TARGET_LANGUAGE")


def terms_of(config: google.Message, field: str = "glossary_config") -> GlossaryConfig:
    """Returns what terms are to become; in their context they may be inflected."""
    return GlossaryConfig(
        glossary=glossary_of(config.glossary, f"{field}.glossary"),
        ignore_case=config.ignore_case,
        mode=GLOSSARY_MODE_SOFT if config.contextual_translation_enabled else GLOSSARY_MODE_HARD,
    )


def _tell(request: google.Message, responses: Sequence[TranslateTextResponse]) -> google.Message:
    answer = google.TranslateTextResponse()
    plain, *with_terms = responses
    for translation in plain.translations:
        answer.translations.add(
            translated_text=translation.translated_text,
            model=request.model,
            detected_language_code=translation.detected_language_code,
        )
    for response in with_terms:
        for translation in response.translations:
            answer.glossary_translations.add(
                translated_text=translation.translated_text,
                model=request.model,
                detected_language_code=translation.detected_language_code,
                glossary_config=request.glossary_config,
            )
    return answer
