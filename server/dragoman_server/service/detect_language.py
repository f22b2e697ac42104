"""Answers DetectLanguage: which languages texts are in, without translating them.

Knows the call's messages and what it may ask for. Does not know how languages are guessed.
"""

import asyncio

from dragoman.v1.translation_pb2 import (
    DetectedLanguage,
    DetectedLanguages,
    DetectLanguageRequest,
    DetectLanguageResponse,
    LanguageSpan,
    Limits,
)
from dragoman_server.access import RateLimits
from dragoman_server.config import Config
from dragoman_server.detection import LanguageDetector, find_stretches, likeliest
from dragoman_server.errors import PreconditionError
from dragoman_server.rpc import Call, Caller
from dragoman_server.service.account import Account
from dragoman_server.service.answers import TEXTS_AT_ONCE
from dragoman_server.service.callers import charge, check_rate, principal_of
from dragoman_server.service.validation import check_contents

MOST_TOLD = 5
"""Languages of a text."""


class LanguageDetection:
    """The method, whose texts count for their caller's rates as those to translate do.

    Args:
        config: Says how many texts, and how long.
        detector: None where the settings do not ask for one.
        rates: Charges callers; None where nobody has to say who calls.
    """

    def __init__(
        self, config: Config, detector: LanguageDetector | None, rates: RateLimits | None
    ) -> None:
        self._limits = Limits(
            max_contents=config.max_contents, max_code_points=config.max_code_points
        )
        self._detector = detector
        self._rates = rates

    def check(self, caller: Caller) -> None:
        """Raises RateLimitedError before the request is there."""
        check_rate(principal_of(caller), self._rates)

    def accept(self, caller: Caller, request: DetectLanguageRequest) -> DetectLanguageRequest:
        """Checks a request and charges its caller.

        Raises:
            PreconditionError: The server does not detect languages.
            InvalidArgumentError: There are no texts or too many.
            RateLimitedError: The caller has had what it may have for now.
        """
        if self._detector is None:
            raise PreconditionError(
                "the server was started without detect_languages", reason="DETECTION_OFF"
            )
        check_contents(request.contents, self._limits)
        charge(principal_of(caller), self._rates, request.contents)
        return request

    async def answer(
        self,
        request: DetectLanguageRequest,
        call: Call,  # noqa: ARG002
        account: Account,
    ) -> DetectLanguageResponse:
        """Says of each text which languages it may be in."""
        detector = self._detector
        assert detector is not None
        if account.usage is not None:
            account.usage.ask(request.contents, None)
        response = DetectLanguageResponse()
        for index, text in enumerate(request.contents):
            if index % TEXTS_AT_ONCE == TEXTS_AT_ONCE - 1:
                await asyncio.sleep(0)
            guesses = detector.guesses(text)
            languages = [DetectedLanguage(**guess._asdict()) for guess in guesses[:MOST_TOLD]]
            found = DetectedLanguages(language_code=likeliest(guesses), languages=languages)
            if request.return_spans:
                found.spans.extend(await _spans(text, detector))
            response.detected.append(found)
        return response


async def _spans(text: str, detector: LanguageDetector) -> list[LanguageSpan]:
    """Returns the stretches of a text, and how sure each is by what is looked at of it."""
    spans = []
    stretches = await find_stretches(text, detector)
    for begin, end, code in stretches:
        guesses = detector.guesses(text[begin:end])
        if len(stretches) > 1:
            guesses = [guess for guess in guesses if guess.language_code == code]
        confidence = guesses[0].confidence if guesses else 0.0
        language = likeliest(guesses)
        spans.append(
            LanguageSpan(begin=begin, end=end, language_code=language, confidence=confidence)
        )
    return spans
