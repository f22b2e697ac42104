"""A translation with its elements, as it is written.

Knows how HTML is escaped, and that white space belongs outside of tags. Does not know how elements
found their places: that is projection.py.
"""

import html
from collections.abc import Sequence

from dragoman_server.markup.alignment import Link, Span
from dragoman_server.markup.block import Block
from dragoman_server.markup.projection import Placed, Projection


def project(block: Block, translation: str, links: Sequence[Link]) -> str:
    """Returns a translation with the elements of its source.

    Each tag of the source is there once, and those that were a pair are one.

    Args:
        block: The source.
        translation: Of its text.
        links: Words that say the same.
    """
    projection = Projection(block, translation, links)
    writer = _Writer(translation, projection.alignment.units)
    writer.write(projection.placed(), Span(0, len(projection.alignment.units)))
    return writer.finish()


class _Writer:
    """Writes units, what is between them, and tags."""

    def __init__(self, translation: str, units: Sequence[tuple[int, int]]) -> None:
        self._translation = translation
        self._units = units
        self._written: list[str] = []
        self._reached = 0  # characters of the translation

    def write(self, placed: Sequence[Placed], span: Span) -> None:
        """Writes the units of a span and the elements in it."""
        position = span.begin
        for each in placed:
            self._write_units(position, each.span.begin)
            self._write_element(each)
            position = each.span.end
        self._write_units(position, span.end)

    def finish(self) -> str:
        """Writes what follows the last unit, and returns all of it."""
        self._write_to(len(self._translation))
        return "".join(self._written)

    def _write_element(self, placed: Placed) -> None:
        element, span = placed.element, placed.span
        if span.begin < len(self._units) and not (span.begin == span.end and placed.is_after):
            self._write_to(self._units[span.begin][0])
        has_space = element.has_space or element.kind == "words"  # which the translation has not
        space = " " * (has_space and span.begin == span.end)
        self._written.append(f"{space if placed.is_after else ''}{element.raw}")
        if element.kind == "words":
            self._reached = self._units[span.end - 1][1] if span.end > span.begin else self._reached
        else:
            self.write(placed.children, span)
        self._written.append(f"{element.close}{'' if placed.is_after else space}")

    def _write_units(self, begin: int, end: int) -> None:
        if begin < end:
            self._write_to(self._units[end - 1][1])

    def _write_to(self, position: int) -> None:
        self._written.append(html.escape(self._translation[self._reached : position], quote=False))
        self._reached = position
