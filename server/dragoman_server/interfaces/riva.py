"""NVIDIA Riva's translation service, `nvidia.riva.nmt.RivaTranslation`, in our words.

Speech is not translated: those two methods answer UNIMPLEMENTED, as every method does that is not
here. The one door to nvidia-riva-client.
"""

from riva.client.proto import (  # type: ignore[import-untyped]
    riva_nmt_pb2 as riva,
)

from dragoman.v1.translation_pb2 import (
    GlossaryEntry,
    ListModelsRequest,
    ListModelsResponse,
    TranslateTextRequest,
    TranslateTextResponse,
)
from dragoman_server.errors import InvalidArgumentError, shorten
from dragoman_server.interfaces.methods import Foundation
from dragoman_server.rpc import Method
from dragoman_server.service import Wording

NAME = "riva"

_SERVICE = riva.DESCRIPTOR.services_by_name["RivaTranslation"].full_name

_BEGIN, _END = "<dnt>", "</dnt>"

_TRANSLATED_AS = "##"

MOST_VARIATION = 256


def methods(on: Foundation) -> dict[str, Method]:
    """Returns the methods by their paths."""
    service = on.service
    each = {
        "TranslateText": service.reworded(
            "TranslateText", Wording(riva.TranslateTextRequest, ours, _tell), NAME
        ),
        "ListSupportedLanguagePairs": service.reworded(
            "ListModels", Wording(riva.AvailableLanguageRequest, _ask_models, _tell_pairs), NAME
        ),
    }
    return {f"/{_SERVICE}/{name}": method for name, method in each.items()}


def ours(request: riva.TranslateTextRequest) -> TranslateTextRequest:
    """Returns our request for Riva's.

    Raises:
        InvalidArgumentError: max_len_variation is no number.
    """
    _check_variation(request.max_len_variation)
    asked = TranslateTextRequest(
        source_language_code=request.source_language,
        target_language_code=request.target_language,
        model=request.model,
    )
    kept: list[str] = []
    for text in request.texts:
        plain, tagged = _untagged(text)
        asked.contents.append(plain)
        kept += tagged
    entries: list[GlossaryEntry] = []
    for phrases in request.dnt_phrases:  # the client sends all of them in one, with commas
        for phrase in filter(None, phrases.split(",")):
            source, _, target = phrase.partition(_TRANSLATED_AS)
            if target:
                entries.append(GlossaryEntry(source_term=source, target_term=target))
            else:
                kept.append(source)
    asked.dnt_phrases.extend(dict.fromkeys(phrase for phrase in kept if phrase.strip()))
    asked.glossary_config.entries.extend(entries)
    if not entries:
        asked.ClearField("glossary_config")
    return asked


def _untagged(text: str) -> tuple[str, list[str]]:
    """Returns a text without its pairs of tags, and what stood in each; in time of its length."""
    pieces: list[str] = []
    kept: list[str] = []
    at = 0
    while (begin := text.find(_BEGIN, at)) >= 0 and (end := text.find(_END, begin)) >= 0:
        kept.append(text[begin + len(_BEGIN) : end])
        pieces += text[at:begin], kept[-1]
        at = end + len(_END)
    return "".join((*pieces, text[at:])), kept


def _check_variation(variation: str) -> None:
    """Translations are not cut, so what it says has no effect; what it is has to be known."""
    if not variation or (variation.isdecimal() and int(variation[:9]) <= MOST_VARIATION):
        return
    given, allowed = shorten(variation), f"empty, or a number from 0 to {MOST_VARIATION}"
    raise InvalidArgumentError(
        f"max_len_variation is {given}; allowed: {allowed}",
        field="max_len_variation",
        reason="OPTION_OUT_OF_RANGE",
        given=given,
        allowed=allowed,
    )


def _tell(
    request: riva.TranslateTextRequest, response: TranslateTextResponse
) -> riva.TranslateTextResponse:
    answer = riva.TranslateTextResponse()
    for translation in response.translations:
        answer.translations.add(text=translation.translated_text, language=request.target_language)
    if request.HasField("id"):
        answer.id.CopyFrom(request.id)
    return answer


def _ask_models(request: riva.AvailableLanguageRequest) -> ListModelsRequest:  # noqa: ARG001
    return ListModelsRequest()


def _tell_pairs(
    request: riva.AvailableLanguageRequest, response: ListModelsResponse
) -> riva.AvailableLanguageResponse:
    """Versions that answer to their names alone, by their names."""
    answer = riva.AvailableLanguageResponse()
    for model in response.models:
        if model.is_default and request.model in ("", model.name):
            pair = answer.languages[model.name]
            pair.src_lang.extend(model.source_language_codes)
            pair.tgt_lang.extend(model.target_language_codes)
    return answer
