"""Google's DetectLanguage and GetSupportedLanguages, in our words.

Names of languages are CLDR's, in the language that is asked for. Does not know how a language is
guessed, nor which models there are.
"""

import langcodes
from langcodes.tag_parser import LanguageTagError
from language_data.name_data import LANGUAGES_WITH_NAME_DATA

from dragoman.v1.translation_pb2 import (
    DetectLanguageRequest,
    DetectLanguageResponse,
    ListModelsRequest,
    ListModelsResponse,
    Model,
)
from dragoman_server.errors import NotFoundError, shorten
from dragoman_server.interfaces.google import messages as google
from dragoman_server.interfaces.google.names import (
    check_detection_model,
    check_labels,
    check_parent,
    model_of,
)
from dragoman_server.interfaces.google.translating import DEFAULT_MIME_TYPE
from dragoman_server.models import MAX_CODE_LENGTH, names, primary, script
from dragoman_server.service import HTML, Wording, read_mime_type, readable, wrong_field

_SCRIPTS = frozenset({"arab", "cyrl", "deva", "hans", "hant", "latn"})
"""In which CLDR has names of languages that are mostly written in another."""


def detect_language() -> "Wording[google.Message]":
    """Returns the call."""
    return Wording(google.DetectLanguageRequest, _ask, _tell)


def supported_languages() -> "Wording[google.Message]":
    """Returns the call."""
    return Wording(google.GetSupportedLanguagesRequest, _ask_models, _tell_languages)


def _ask(request: google.Message) -> DetectLanguageRequest:
    check_parent(request.parent)
    check_labels(request.labels)
    check_detection_model(request.model)
    if not request.HasField("content"):
        raise wrong_field("content", "nothing", "a text", reason="NO_CONTENTS")
    content = request.content
    if read_mime_type(request.mime_type or DEFAULT_MIME_TYPE) == HTML:
        content = readable(content, "content")
    return DetectLanguageRequest(contents=[content])


def _tell(
    request: google.Message,  # noqa: ARG001
    response: DetectLanguageResponse,
) -> google.Message:
    """One language, as Google's: `und` where none is sure enough."""
    (found,) = response.detected
    sure = {each.language_code: each.confidence for each in found.languages}
    answer = google.DetectLanguageResponse()
    code = found.language_code
    answer.languages.add(language_code=code, confidence=sure.get(code, 0.0))
    return answer


def _ask_models(request: google.Message) -> ListModelsRequest:
    check_parent(request.parent)
    model_of(request.model)
    _display_language(request.display_language_code)
    return ListModelsRequest()


def _tell_languages(request: google.Message, response: ListModelsResponse) -> google.Message:
    """Returns the languages of all models, or of the one that is asked for, by their codes."""
    models = [each for each in response.models if _is_meant(each, model_of(request.model))]
    if request.model and not models:
        raise NotFoundError(f"no model {shorten(request.model)}", reason="MODEL_NOT_FOUND")
    sources = {code for model in models for code in model.source_language_codes}
    targets = {code for model in models for code in model.target_language_codes}
    answer = google.SupportedLanguages()
    language = _display_language(request.display_language_code)
    for code in sorted(sources | targets):
        answer.languages.add(
            language_code=code,
            display_name=_display_name(code, language),
            support_source=code in sources,
            support_target=code in targets,
        )
    return answer


def _is_meant(model: Model, asked: str) -> bool:
    """Whether a version of a model is the one asked for; of a name alone its default."""
    if asked in ("", model.name):
        return model.is_default
    return asked == f"{model.name}@{model.version}"


def _display_language(code: str) -> str:
    """Returns the language that names are asked in: one of those few that CLDR has names in.

    langcodes remembers every code that it is asked about, and anybody may ask.

    Raises:
        InvalidArgumentError: It is none.
    """
    each = (primary(code), *sorted(names(code))) if code and len(code) <= MAX_CODE_LENGTH else ()
    language = next((name for name in each if name in LANGUAGES_WITH_NAME_DATA), "")
    if code and not language:
        raise wrong_field(
            "display_language_code",
            shorten(code),
            "empty or the code of a language",
            reason="LANGUAGE_UNKNOWN",
            verb="is",
        )
    if code and (written := script(code)) in _SCRIPTS and written != script(language):
        return f"{language}-{written.title()}"
    return language


def _display_name(code: str, language: str) -> str:
    """Returns the name of a language in another, or nothing where none is asked for."""
    try:
        return langcodes.Language.get(code).display_name(language) if language else ""
    except LanguageTagError:
        return code
