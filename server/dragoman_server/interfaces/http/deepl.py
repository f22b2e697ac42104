"""DeepL's API: what its clients ask for, in our words.

    POST /v2/translate
    GET  /v2/languages  /v2/usage

Documents, glossaries that are made over the wire, and what it writes anew are refused.
"""

from starlette.datastructures import Headers
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from dragoman.v1.translation_pb2 import (
    SEGMENTATION_AUTO,
    SEGMENTATION_NONE,
    Segmentation,
    TranslateTextRequest,
    Translation,
)
from dragoman_server.interfaces.http import fields
from dragoman_server.interfaces.http.answering import Asker, Dialect, Endpoint, Refusing
from dragoman_server.interfaces.http.asked import Asked, with_scheme
from dragoman_server.interfaces.http.bodies import Fields
from dragoman_server.interfaces.http.languages import name_of
from dragoman_server.interfaces.http.refusals import Refusal, refuse, refused
from dragoman_server.rpc import RpcError

NAME = "deepl"

SCHEME = "DeepL-Auth-Key"

VARIANTS = {"EN": ("EN-GB", "EN-US"), "PT": ("PT-BR", "PT-PT")}
"""Targets that its clients ask for with a region alone."""

_NO_GLOSSARIES = (
    "glossaries are files of the server (--glossaries DIR): glossary_id is the name of one"
)
_MISSING = {
    "/v2/document": "documents are not translated here: `dragoman translate --document` does that",
    "/v2/glossaries": _NO_GLOSSARIES,
    "/v2/glossary-language-pairs": _NO_GLOSSARIES,
    "/v3/glossaries": _NO_GLOSSARIES,
    "/v2/write/rephrase": "this server translates, and does nothing else",
}
_REFUSED = {
    "custom_instructions": "models here follow no instructions",
    "glossary_ids": "one glossary is used: glossary_id",
    "ignore_tags": 'an element stays as it is with translate="no"',
    "non_splitting_tags": "HTML says what is a block",
    "splitting_tags": "HTML says what is a block",
    "style_id": "there are no styles",
    "translation_memory_id": "there are no translation memories",
}
_FORMALITIES = ("default", "prefer_more", "prefer_less")
_STATUSES = {"UNAUTHENTICATED": 403}

Json = dict[str, object]


def routes(asker: Asker) -> list[Route]:
    """Returns its paths."""
    dialect = Dialect(NAME, _tell, _credentials)
    answering = {
        ("POST", "/v2/translate"): (_translate, "TranslateText"),
        ("GET", "/v2/languages"): (_languages, "ListModels"),
        ("GET", "/v2/usage"): (_usage, "ListModels"),
    }
    missing = [
        Route(path + rest, Refusing(why, dialect))
        for path, why in _MISSING.items()
        for rest in ("", "/{rest:path}")
    ]
    return missing + [
        Route(path, Endpoint(*each, dialect, asker), methods=[verb])
        for (verb, path), each in answering.items()
    ]


async def _translate(asked: Asked) -> Response:
    given = asked.fields
    fields.none_of(given, _REFUSED)
    fields.one_of(given, "formality", *_FORMALITIES, default="default")
    texts, source = fields.texts(given, "text"), fields.text(given, "source_lang", "")
    markup = fields.one_of(given, "tag_handling", "html", "xml", "", default="")
    request = TranslateTextRequest(
        contents=texts,
        source_language_code=source,
        target_language_code=fields.text(given, "target_lang"),
        mime_type="text/html" if markup else "text/plain",
        segmentation=_segmentation(given, is_markup=bool(markup)),
    )
    tells_billed = fields.switch(given, "show_billed_characters")
    if glossary := fields.text(given, "glossary_id", ""):
        request.glossary_config.glossary = glossary
    translations = (await asked.translate(request)).translations
    sources = [source or each.detected_language_code for each in translations]
    if not all(sources):
        only = await _only_source(asked, translations[0].model)
        sources = [each or only for each in sources]
    told = [
        _told(translation, language)
        for translation, language in zip(translations, sources, strict=True)
    ]
    if tells_billed:
        for text, each in zip(texts, told, strict=True):
            each["billed_characters"] = len(text)
    return JSONResponse({"translations": told})


def _segmentation(given: Fields, *, is_markup: bool) -> Segmentation.ValueType:
    """A line that ends ends a sentence, but in HTML, where it is white space."""
    way = fields.one_of(given, "split_sentences", "0", "1", "nonewlines", default="1")
    if way == "nonewlines" and not is_markup:
        refuse("split_sentences", way, "0 or 1, and nonewlines with tag_handling")
    return SEGMENTATION_NONE if way == "0" else SEGMENTATION_AUTO


def _told(translation: Translation, source: str) -> Json:
    return {"detected_source_language": source.upper(), "text": translation.translated_text}


async def _only_source(asked: Asked, name: str) -> str:
    """Returns what a model translates from, where nobody had to find out; empty where unknown."""
    try:
        models = await asked.models()
    except RpcError:  # a caller that may translate may not be one that may list models
        return ""
    codes = [code for each in models if each.name == name for code in each.source_language_codes]
    return codes[0] if len(codes) == 1 else ""


async def _languages(asked: Asked) -> Response:
    kind = fields.one_of(asked.fields, "type", "source", "target", default="source")
    codes: set[str] = set()
    for model in await asked.models():
        is_source = kind == "source"
        codes.update(model.source_language_codes if is_source else model.target_language_codes)
    listed: list[Json] = []
    for code in sorted(codes):
        written = code.upper()
        for each in VARIANTS.get(written, (written,)) if kind == "target" else (written,):
            about: Json = {"language": each, "name": name_of(each)}
            listed.append(about if kind == "source" else about | {"supports_formality": False})
    return JSONResponse(listed)


async def _usage(asked: Asked) -> Response:
    """Nothing is counted that could be used up; who may not ask for models is refused."""
    await asked.models()
    return JSONResponse({})


def _credentials(headers: Headers, given: Fields) -> list[tuple[str, str | bytes]]:  # noqa: ARG001
    return with_scheme(headers, SCHEME)


def _tell(refusal: Refusal) -> Response:
    return refused(refusal, {"message": refusal.message}, _STATUSES)
