"""What texts may be in that come without their language, and which models would translate them.

Knows what these have in common. Does not know how languages are guessed.
"""

from typing import NamedTuple

from dragoman.v1.translation_pb2 import Limits, TranslateTextRequest
from dragoman_server.detection import Wanted
from dragoman_server.engine import Sender, TimeLimit
from dragoman_server.errors import InvalidArgumentError, OverloadError, listed
from dragoman_server.service.translator import Translator


class Candidates(NamedTuple):
    """What texts may be in that can be translated into the language that is asked for."""

    codes: tuple[str, ...]
    """Of the models' own; what has no letters is taken for the first."""
    translators: tuple[Translator, ...]
    wanted: Wanted
    """Returns the code to ask for where a language is guessed; None where it cannot be
    translated."""

    @property
    def name(self) -> str:
        """The model's where one alone comes in question; else empty."""
        return self.translators[0].name if len(self.translators) == 1 else ""

    @property
    def version(self) -> str:
        """Likewise."""
        return self.translators[0].version if len(self.translators) == 1 else ""

    @property
    def limits(self) -> Limits:
        """What a request may ask for."""
        return self.translators[0].model.limits

    def only_target(self) -> str:
        """Returns the code of the only language that the models translate into.

        Raises:
            InvalidArgumentError: There are several.
        """
        codes = dict.fromkeys(
            code for each in self.translators for code in each.model.target_language_codes
        )
        code, *others = codes
        if others:
            allowed = listed([*codes])
            raise InvalidArgumentError(
                f"target_language_code is empty; allowed: {allowed}",
                field="target_language_code",
                reason="LANGUAGE_REQUIRED",
                allowed=allowed,
            )
        return code

    def check_room(
        self,
        limit: TimeLimit,
        sender: Sender,
        texts_ahead: int = 0,
        request: TranslateTextRequest | None = None,
    ) -> None:
        """Refuses what every model in question would refuse; see Translator."""
        refusal: OverloadError | None = None
        for translator in self.translators:
            try:
                translator.check_room(limit, sender, texts_ahead, request)
            except OverloadError as error:
                refusal = refusal or error
            else:
                return
        assert refusal is not None
        raise refusal
