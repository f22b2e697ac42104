"""Finds phrases in a text: the longest one at each place, whole words alone.

In scripts without spaces between words a phrase may begin and end anywhere. A line break is a
space. A tree of characters, so that the time for a text does not depend on how many phrases there
are. Knows strings alone.
"""

from collections.abc import Iterable
from typing import Generic, NamedTuple, TypeVar

from dragoman_server.texts import is_joined, is_whole, one_line

Value = TypeVar("Value")


class Found(NamedTuple, Generic[Value]):
    """A phrase in a text."""

    start: int
    end: int
    value: Value


class _Node(Generic[Value]):
    __slots__ = ("following", "value")

    def __init__(self) -> None:
        self.following: dict[str, _Node[Value]] = {}
        self.value: Value | None = None


class Phrases(Generic[Value]):
    """Phrases, each with a value.

    Args:
        entries: Of phrases that are the same the first one counts.
        ignore_case: Whether a text may have them in capitals or without.
    """

    def __init__(self, entries: Iterable[tuple[str, Value]], *, ignore_case: bool = False) -> None:
        self._root: _Node[Value] = _Node()
        self._ignores_case = ignore_case
        for phrase, value in entries:
            node = self._root
            for character in self._folded(phrase):
                node = node.following.setdefault(character, _Node())
            if node.value is None:
                node.value = value

    def find(self, text: str) -> list[Found[Value]]:
        """Returns the phrases of a text from left to right; none overlaps another."""
        found: list[Found[Value]] = []
        if not self._root.following:
            return found
        folded = self._folded(text)
        position = 0
        while position < len(text):
            longest = self._longest(text, folded, position)
            if longest is not None:
                found.append(longest)
            position = position + 1 if longest is None else longest.end
        return found

    def _longest(self, text: str, folded: str, start: int) -> Found[Value] | None:
        node = self._root.following.get(folded[start])
        if node is None or is_joined(text[start - 1 : start] if start else "", text[start]):
            return None
        longest: Found[Value] | None = None
        end = start + 1
        while node is not None:
            if node.value is not None and is_whole(text, start, end):
                longest = Found(start, end, node.value)
            node = node.following.get(folded[end]) if end < len(folded) else None
            end += 1
        return longest

    def _folded(self, text: str) -> str:
        """Returns as many characters, their case taken away where it is ignored."""
        text = one_line(text)
        if not self._ignores_case:
            return text
        folded = text.lower()
        if len(folded) == len(text):
            return folded
        return "".join(c.lower() if len(c.lower()) == 1 else c for c in text)
