"""Settings that a user wrote by hand, read one by one; what is wrong with them is told at once.

Knows JSON's types and how a person misspells. Does not know what a setting is for.
"""

import difflib
import math
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from dragoman_export.checkpoints import Settings

LARGEST = 2**24
"""Beyond any size or id of a model."""

_Value = TypeVar("_Value")


class Fields:
    """The settings of one JSON object.

    Each method takes one by its name: its value, or its default where the object has none or null,
    which says nothing. Where it is not as it must be that is a problem, and reading goes on with
    some value.
    """

    def __init__(self, settings: Settings, around: "Fields | None" = None, place: str = "") -> None:
        """Begins with no problems, or shares those of the object that this one is in at `place`."""
        self._settings = {name: value for name, value in settings.items() if value is not None}
        self._place = place
        self._known: list[str] = []
        self.problems: list[str] = [] if around is None else around.problems
        self.wrong: set[str] = set() if around is None else around.wrong

    def has(self, name: str) -> bool:
        """Whether anything is said of it."""
        return name in self._settings

    @property
    def names(self) -> list[str]:
        """Of the settings that are there."""
        return list(self._settings)

    def are_good(self, *names: str) -> bool:
        """Whether nothing is wrong with these, nor with what is in them."""
        return not any(f"{each}.".startswith(f"{name}.") for each in self.wrong for name in names)

    def says(self, name: str, word: str) -> bool:
        """Whether it is this word."""
        self._known.append(name)
        return bool(self._settings.get(name) == word)

    def whole(
        self, name: str, default: int | None = None, *, least: int = 0, most: int = LARGEST
    ) -> int:
        """A whole number; one that has no default must be there."""
        return self._take(
            name,
            default,
            lambda value: type(value) is int and least <= value <= most,
            f"a whole number from {least} to {most}",
            least,
        )

    def whole_or_none(self, name: str, *, least: int = 0, most: int = LARGEST) -> int | None:
        """A whole number, or None where nothing is said."""
        self._known.append(name)
        return self.whole(name, least=least, most=most) if self.has(name) else None

    def number(self, name: str, default: float) -> float:
        """A number above 0."""
        return float(self._take(name, default, _is_positive, "a number above 0", 1.0))

    def fraction(self, name: str, default: float) -> float:
        """A number from 0 to 1."""
        return float(self._take(name, default, _is_fraction, "a number from 0 to 1", 0.0))

    def flag(self, name: str, *, default: bool) -> bool:
        """True or false."""
        return self._take(
            name, default, lambda value: isinstance(value, bool), "true or false", default
        )

    def choice(self, name: str, choices: Sequence[str], default: str) -> str:
        """One of several words."""
        return self._take(
            name, default, lambda value: value in choices, f"one of {', '.join(choices)}", default
        )

    def text(self, name: str, default: str | None = None) -> str:
        """Text; one that has no default must be there."""
        return self._take(name, default, lambda value: isinstance(value, str), "text", "")

    def text_or_none(self, name: str) -> str | None:
        """Text, or None where nothing is said."""
        self._known.append(name)
        return self.text(name) if self.has(name) else None

    def texts(self, name: str) -> list[str]:
        """A list of texts, empty where nothing is said."""
        return self._take(name, [], _are_texts, "a list of texts", [])

    def ids(self, name: str, default: Sequence[int] = ()) -> tuple[int, ...]:
        """A list of token ids."""
        return tuple(self._take(name, [*default], _are_ids, "a list of token ids", []))

    def section(self, name: str) -> "Fields":
        """The object of that name, empty where there is none."""
        nothing: Settings = {}
        settings = self._take(
            name, nothing, lambda value: isinstance(value, dict), "an object", nothing
        )
        return Fields(settings, self, f"{self._place}{name}.")

    def sections(self, name: str) -> dict[str, "Fields"]:
        """An object of objects, each with its name."""
        parts = self.section(name)
        return {each: parts.section(each) for each in parts.names}

    def refuse_rest(self) -> None:
        """What was not asked for is a problem: a setting is misspelt, or of another toolkit."""
        for name in self._settings:
            if name not in self._known:
                near = difflib.get_close_matches(name, self._known, 1)
                told = (
                    f"the nearest is {near[0]}" if near else f"known are {', '.join(self._known)}"
                )
                self._is_wrong(name, f"is no setting; {told}")
                self.wrong |= {f"{self._place}{each}" for each in near}  # which it may stand for

    def _take(
        self,
        name: str,
        default: _Value | None,
        is_good: Callable[[Any], bool],
        needed: str,
        instead: _Value,
    ) -> _Value:
        self._known.append(name)
        value = self._settings.get(name, default)
        if value is not None and is_good(value):
            taken: _Value = value
            return taken
        found = f"is {value!r}" if self.has(name) else "is missing"
        self._is_wrong(name, f"{found}; {needed} is needed")
        return instead

    def _is_wrong(self, name: str, problem: str) -> None:
        self.wrong.add(f"{self._place}{name}")
        self.problems.append(f"{self._place}{name} {problem}")


def _is_positive(value: object) -> bool:
    return type(value) in (int, float) and 0 < value < math.inf  # type: ignore[operator]


def _is_fraction(value: object) -> bool:
    return type(value) in (int, float) and 0 <= value <= 1  # type: ignore[operator]


def _are_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _are_ids(value: object) -> bool:
    return isinstance(value, list) and all(
        type(each) is int and 0 <= each <= LARGEST for each in value
    )
