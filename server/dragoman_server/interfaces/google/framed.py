"""A text of a file, and the white space around it, which no translation has.

Knows strings.
"""

from typing import NamedTuple, Self


class Framed(NamedTuple):
    """A text, and what stands before and after it."""

    before: str
    text: str
    after: str

    @classmethod
    def of(cls, whole: str) -> Self:
        """Returns a text with what it begins and ends with apart."""
        text = whole.strip()
        begin = whole.index(text)
        return cls(whole[:begin], text, whole[begin + len(text) :])

    def around(self, translation: str) -> str:
        """Returns a translation of the text with the same around it."""
        return f"{self.before}{translation}{self.after}"
