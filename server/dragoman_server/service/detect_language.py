"""Answers DetectLanguage: which languages texts are in, without translating them.

Knows the call's messages and what it may ask for. Does not know how languages are guessed.
"""

import asyncio

from dragoman.v1.translation_pb2 import (
    DetectedLanguage,
    DetectedLanguages,
    DetectLanguageRequest,
    DetectLanguageResponse,
    Limits,
)
from dragoman_server.access import RateLimits
from dragoman_server.config import Config
from dragoman_server.detection import LanguageDetector, likeliest
from dragoman_server.errors import PreconditionError
from dragoman_server.rpc import Call, Caller
from dragoman_server.service.account import Account
from dragoman_server.service.callers import charge, check_rate, principal_of
from dragoman_server.service.translator import TEXTS_AT_ONCE
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
        assert self._detector is not None
        if account.usage is not None:
            account.usage.ask(request.contents, None)
        response = DetectLanguageResponse()
        for index, text in enumerate(request.contents):
            if index % TEXTS_AT_ONCE == TEXTS_AT_ONCE - 1:
                await asyncio.sleep(0)
            guesses = self._detector.guesses(text)
            languages = [DetectedLanguage(**guess._asdict()) for guess in guesses[:MOST_TOLD]]
            response.detected.append(
                DetectedLanguages(language_code=likeliest(guesses), languages=languages)
            )
        return response
