"""One source into several languages: a request for each, and their translations text by text.

Knows which codes a request has. Does not know what translates into any of them, nor that engines
encode once what texts of several requests have in common.
"""

from collections import Counter
from collections.abc import Callable, Coroutine, Iterator, Sequence

from dragoman.v1.translation_pb2 import Limits, TranslateTextRequest, Translation
from dragoman_server.engine import ANYBODY, NO_LIMIT, Sender, TimeLimit
from dragoman_server.errors import InvalidArgumentError, shorten
from dragoman_server.models import check_length
from dragoman_server.service.account import Usage
from dragoman_server.service.parts import of_field, without_contents
from dragoman_server.service.route import CallRoute
from dragoman_server.service.together import all_or_none
from dragoman_server.service.validation import check_code_points, check_contents, wrong_field

FIELD, OF_ONE = "target_language_codes", "target_language_code"

MOST_TARGETS = 64
"""Of a request: each has a way through the models found before anybody knows whether there is room,
and that has to stay cheap."""

TEXTS_TOGETHER = 256
"""Begun in one turn of the event loop, so that the engines get a text for all languages at once. It
takes up to some 10 ms, for which others wait."""

TEXTS_A_TURN = 32
"""What a request for one language begins in one turn at the most."""


class TargetsTranslator:
    """What translates the texts of a request into several languages.

    Args:
        request: Says which.
        find: Returns what translates a request into one.
        limits: Of all translations of the request together.

    Attributes:
        name, version: Of the model that translates into all of them; empty where there are more.

    Raises:
        InvalidArgumentError: Codes are wrong, or there are too many for the texts.
        DragomanError: What `find` raises for any of them.
    """

    def __init__(
        self,
        request: TranslateTextRequest,
        find: Callable[[TranslateTextRequest], CallRoute],
        limits: Limits,
    ) -> None:
        _check(request, limits)
        self._find = find
        self._limits = limits
        bare = without_contents(request)
        codes = enumerate(request.target_language_codes)
        self._routes = [self._route(_into(code, bare), index) for index, code in codes]
        models = {(route.name, route.version) for route in self._routes}
        self.name, self.version = models.pop() if len(models) == 1 else ("", "")

    def check_room(
        self,
        limit: TimeLimit,
        sender: Sender,
        texts_ahead: int = 0,
        request: TranslateTextRequest | None = None,
    ) -> None:
        """Refuses what would be refused in any of the languages; see Translator."""
        texts = 0 if request is None else len(request.contents)
        ahead: Counter[str] = Counter()  # by model: each has a queue of its own
        for route in self._routes:
            route.check_room(limit, sender, texts_ahead + ahead[route.name], request)
            ahead[route.name] += texts

    async def translate_texts(
        self,
        request: TranslateTextRequest,
        limit: TimeLimit = NO_LIMIT,
        sender: Sender = ANYBODY,
        usage: Usage | None = None,
    ) -> list[Translation]:
        """Translates all texts into all languages, text by text, or none; see Translator."""
        codes = request.target_language_codes
        check_contents(request.contents, self._limits)
        check_code_points(request.contents, "contents", self._limits, languages=len(codes))
        bare = without_contents(request)
        sender = sender._replace(comes_with_others=True)
        at_once = max(1, TEXTS_TOGETHER // min(len(request.contents), TEXTS_A_TURN))

        def translating() -> Iterator[Coroutine[None, None, list[Translation]]]:
            for index, code in enumerate(codes):
                part = _into(code, bare)
                part.contents.extend(request.contents)
                yield self._translate(part, index, limit, sender, usage)

        answers = await all_or_none(translating(), at_once=at_once)
        for code, answer in zip(codes, answers, strict=True):
            for translation in answer:
                translation.target_language_code = code
        return [each for translations in zip(*answers, strict=True) for each in translations]

    async def _translate(
        self,
        part: TranslateTextRequest,
        index: int,
        limit: TimeLimit,
        sender: Sender,
        usage: Usage | None,
    ) -> list[Translation]:
        # Found now: what is served may have changed since the request came.
        route = self._route(part, index)
        try:
            return await route.translate_texts(part, limit, sender, usage)
        except InvalidArgumentError as error:
            raise _of_code(error, index) from None

    def _route(self, part: TranslateTextRequest, index: int) -> CallRoute:
        try:
            return self._find(part)
        except InvalidArgumentError as error:
            raise _of_code(error, index) from None


def texts_asked_for(request: TranslateTextRequest) -> Sequence[str]:
    """Returns the texts of a request, each as often as it is translated."""
    if languages := len(request.target_language_codes):
        return [*request.contents] * languages
    return request.contents


def _check(request: TranslateTextRequest, limits: Limits) -> None:
    """Raises InvalidArgumentError where codes are wrong, or too many, as far as is seen at once."""
    codes = request.target_language_codes
    if request.target_language_code:
        given = f"{len(codes)} codes beside {OF_ONE} {shorten(request.target_language_code)}"
        raise wrong_field(FIELD, given, "one of the two fields", reason="OPTIONS_CONFLICT")
    if len(codes) > MOST_TARGETS:
        given, allowed = f"{len(codes)} codes", f"at most {MOST_TARGETS}"
        raise wrong_field(FIELD, given, allowed, reason="TOO_MANY_TARGETS")
    seen: set[str] = set()
    for index, code in enumerate(codes):
        field = f"{FIELD}[{index}]"
        check_length(code, field)
        if not code:
            raise _wrong_code(field, "empty", "the code of a language", "LANGUAGE_REQUIRED")
        if code in seen:
            raise _wrong_code(field, shorten(code), "each code once", "OPTIONS_CONFLICT")
        seen.add(code)
    if (count := len(codes) * len(request.contents)) > limits.max_contents:
        raise wrong_field(
            "contents",
            f"{len(request.contents)} texts for {len(codes)} languages, {count} translations",
            f"at most {limits.max_contents}",
            reason="TOO_MANY_CONTENTS",
        )


def _wrong_code(field: str, given: str, allowed: str, reason: str) -> InvalidArgumentError:
    return wrong_field(field, given, allowed, reason=reason, verb="is")


def _into(code: str, bare: TranslateTextRequest) -> TranslateTextRequest:
    """Returns a request for translations into one language, still without texts."""
    part = TranslateTextRequest()
    part.CopyFrom(bare)
    del part.target_language_codes[:]
    part.target_language_code = code
    return part


def _of_code(error: InvalidArgumentError, index: int) -> InvalidArgumentError:
    """Returns an error about the one code of a part as one about that of the whole request."""
    return of_field(error, f"{FIELD}[{index}]") if error.field == OF_ONE else error
