"""Which of some guesses is taken, among all languages or those that are wanted; or none.

Pure. Knows guesses. Does not know texts, nor what makes a language a wanted one.
"""

from collections.abc import Callable, Sequence
from typing import TypeAlias

from dragoman_server.detection.detector import Guess

UNDETERMINED = "und"
"""Code of no language that is sure enough."""

LEAST_CONFIDENCE = 0.5
"""Of a language that is taken: likelier than all others together."""

Wanted: TypeAlias = Callable[[str], str | None]
"""Returns what a language is called among those that are wanted; None where it is none of them."""

TAKEN_FOR = {"ms": ("id",), "hr": ("bs",), "no": ("nn",)}
"""Languages that the library does not know, behind one that it says in their place."""


def likeliest(guesses: Sequence[Guess]) -> str:
    """Returns the code of the language that is sure enough, or `und`."""
    if guesses and guesses[0].confidence >= LEAST_CONFIDENCE:
        return guesses[0].language_code
    return UNDETERMINED


def choose(guesses: Sequence[Guess], wanted: Wanted) -> Guess | None:
    """Returns the language that is sure enough among those that are wanted; None where none is.

    Where the best guess of all is sure enough and not wanted, none is: a text that is plainly
    French is neither of English and German, however much rather English.
    """
    fitting = _fitting(guesses, wanted)
    if not fitting:
        return None
    best = guesses[0]
    is_foreign = wanted_code(best.language_code, wanted) is None
    if is_foreign and best.confidence >= LEAST_CONFIDENCE:
        return None
    return _sure(fitting[0].language_code, fitting)


def confirm(code: str, guesses: Sequence[Guess], wanted: Wanted) -> Guess | None:
    """Returns a language that was found otherwise, if it is sure enough among those wanted."""
    found = wanted_code(code, wanted)
    return None if found is None else _sure(found, _fitting(guesses, wanted))


def _fitting(guesses: Sequence[Guess], wanted: Wanted) -> list[Guess]:
    return [
        Guess(code, guess.confidence)
        for guess in guesses
        if (code := wanted_code(guess.language_code, wanted)) is not None
    ]


def _sure(code: str, fitting: Sequence[Guess]) -> Guess | None:
    all_ = sum(guess.confidence for guess in fitting)
    confidence = sum(guess.confidence for guess in fitting if guess.language_code == code)
    if confidence < LEAST_CONFIDENCE * all_ or not confidence:
        return None
    return Guess(code, confidence / all_)


def wanted_code(code: str, wanted: Wanted) -> str | None:
    """Returns what a guessed language, or one that is taken for it, is called; None if unwanted."""
    return next(filter(None, map(wanted, (code, *TAKEN_FOR.get(code, ())))), None)
