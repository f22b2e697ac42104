"""LibreTranslate's API: what its clients ask for, in our words.

    POST /translate  /detect          forms or JSON
    GET  /languages  /frontend/settings

Its suggestions and files are refused.
"""

from starlette.datastructures import Headers
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from dragoman.v1.translation_pb2 import (
    DecodingOptions,
    DetectLanguageRequest,
    TranslateTextRequest,
    Translation,
)
from dragoman_server.interfaces.http import fields
from dragoman_server.interfaces.http.answering import Asker, Dialect, Endpoint, Refusing
from dragoman_server.interfaces.http.asked import Asked, with_key
from dragoman_server.interfaces.http.bodies import Fields
from dragoman_server.interfaces.http.languages import name_of, targets_by_source
from dragoman_server.interfaces.http.refusals import Refusal, refused
from dragoman_server.rpc import RpcError

NAME = "libretranslate"

AUTO = "auto"

MIME_TYPES = {"text": "text/plain", "html": "text/html"}

BEAM = 4
"""Least number of hypotheses that are kept where alternatives are asked for, as theirs has it."""

MOST_ALTERNATIVES = 15

_MISSING = {
    "/suggest": "suggestions are not taken",
    "/translate_file": "files are not translated here: `dragoman translate --document` does that",
}

_STATUSES = {"UNAUTHENTICATED": 403, "NOT_FOUND": 400, "NOT_SUPPORTED": 403}
"""HTTP's, where theirs are others."""

Json = dict[str, object]


class LibreTranslate:
    """Answers its clients.

    Args:
        most_code_points: Of a request.
        needs_key: Whether callers must say who they are.
    """

    def __init__(self, *, most_code_points: int, needs_key: bool) -> None:
        self._most_code_points = most_code_points
        self._needs_key = needs_key

    def routes(self, asker: Asker) -> list[Route]:
        """Returns its paths."""
        dialect = Dialect(NAME, _tell, _credentials)
        answering = {
            ("POST", "/translate"): (_translate, "TranslateText"),
            ("POST", "/detect"): (_detect, "DetectLanguage"),
            ("GET", "/languages"): (_languages, "ListModels"),
            ("GET", "/frontend/settings"): (self._settings, "ListModels"),
        }
        missing = [Route(path, Refusing(why, dialect)) for path, why in _MISSING.items()]
        return missing + [
            Route(path, Endpoint(*each, dialect, asker), methods=[verb])
            for (verb, path), each in answering.items()
        ]

    async def _settings(self, asked: Asked) -> Response:
        """Those who show no key are to read here that they need one."""
        try:
            targets = sorted(
                {code for model in await asked.models() for code in model.target_language_codes}
            )
        except RpcError:
            if not self._needs_key:
                raise
            targets = []
        auto = {"code": AUTO, "name": "Auto Detect"}
        target = {"code": targets[0], "name": name_of(targets[0])} if targets else auto
        return JSONResponse(
            {
                "apiKeys": self._needs_key,
                "keyRequired": self._needs_key,
                "charLimit": self._most_code_points,
                "frontendTimeout": 500,
                "suggestions": False,
                "filesTranslation": False,
                "supportedFilesFormat": [],
                "language": {"source": auto, "target": target},
            }
        )


async def _translate(asked: Asked) -> Response:
    given = asked.fields
    texts, is_list = fields.texts(given, "q"), isinstance(given.get("q"), list)
    source = fields.text(given, "source")
    alternatives = fields.whole_number(given, "alternatives", 0, MOST_ALTERNATIVES) or 0
    request = TranslateTextRequest(
        contents=texts,
        source_language_code="" if source == AUTO else source,
        target_language_code=fields.text(given, "target"),
        mime_type=MIME_TYPES[fields.one_of(given, "format", *MIME_TYPES, default="text")],
        options=_options(alternatives),
    )
    translations = (await asked.translate(request)).translations
    each = [
        _told(translation, with_alternatives=bool(alternatives)) for translation in translations
    ]
    if not is_list:
        return JSONResponse(each[0])
    names = dict.fromkeys(name for one in each for name in one)
    return JSONResponse({name: [one.get(name) for one in each] for name in names})


def _options(alternatives: int) -> DecodingOptions | None:
    if not alternatives:
        return None
    wanted = alternatives + 1
    return DecodingOptions(num_hypotheses=wanted, beam_size=max(BEAM, wanted))


def _told(translation: Translation, *, with_alternatives: bool) -> Json:
    told: Json = {"translatedText": translation.translated_text}
    if code := translation.detected_language_code:
        confidence = _per_cent(translation.detected_language_confidence)
        told["detectedLanguage"] = {"language": code, "confidence": confidence}
    if with_alternatives:
        told["alternatives"] = [each.translated_text for each in translation.hypotheses[1:]]
    return told


async def _detect(asked: Asked) -> Response:
    request = DetectLanguageRequest(contents=[fields.text(asked.fields, "q")])
    (detected,) = (await asked.detect(request)).detected
    return JSONResponse(
        [
            {"language": each.language_code, "confidence": _per_cent(each.confidence)}
            for each in detected.languages
        ]
    )


async def _languages(asked: Asked) -> Response:
    return JSONResponse(
        [
            {"code": source, "name": name_of(source), "targets": targets}
            for source, targets in targets_by_source(await asked.models()).items()
        ]
    )


def _per_cent(confidence: float) -> float:
    return round(100 * confidence, 1)


def _credentials(headers: Headers, given: Fields) -> list[tuple[str, str | bytes]]:
    key = given.get("api_key")
    return with_key(headers, key if isinstance(key, str) else "")


def _tell(refusal: Refusal) -> Response:
    return refused(refusal, {"error": refusal.message}, _STATUSES)
