"""A text that is all of an element, as `<b>Save</b>`: what is between its tags.

Knows tags by their names, as placeholders are found. Does not know HTML.
"""

import re

from dragoman_server.texts.placeholders import Placeholder, find_placeholders
from dragoman_server.texts.span import Span, stripped

_NAME = re.compile(r"</?([A-Za-z][\w:.\-]*)")


def inside_element(text: str) -> Span | None:
    """Returns what is in the element that a text is, or in the one that this has for all of it.

    Without white space at its ends; None where a text is no element. Takes time linear in its
    length.
    """
    span = stripped(text, 0, len(text))
    if span.begin == span.end or (text[span.begin], text[span.end - 1]) != ("<", ">"):
        return None
    tags = [each for each in find_placeholders(text) if each.is_tag]
    partners = _partners(text, tags)
    whole = span
    first, last = 0, len(tags) - 1
    while (
        partners.get(first) == last
        and tags[first].start == span.begin
        and tags[last].end == span.end
    ):
        span = stripped(text, tags[first].end, tags[last].start)
        first, last = first + 1, last - 1
    return None if span == whole or span.begin == span.end else span


def _partners(text: str, tags: list[Placeholder]) -> dict[int, int]:
    """Returns which tag ends what another begins, by their numbers."""
    partners: dict[int, int] = {}
    opened: list[tuple[str, int]] = []
    counts: dict[str, int] = {}
    for number, tag in enumerate(tags):
        match = _NAME.match(text, tag.start)
        name = match[1] if match else ""
        if text[tag.end - 2] == "/":
            continue
        if text[tag.start + 1] != "/":
            opened.append((name, number))
            counts[name] = counts.get(name, 0) + 1
        elif counts.get(name):
            while True:
                inner, begin = opened.pop()
                counts[inner] -= 1
                if inner == name:
                    break
            partners[begin] = number
    return partners
