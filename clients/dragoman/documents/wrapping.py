"""Subtitles on their lines: as few as they need, of like length.

Widths count characters that are seen: tags are none. Does not know what a tag looks like.
"""

import re

LINE_LENGTH = 42
"""Characters of a line: the field's usual limit."""

_SPACE = re.compile(r"\s+")


def wrapped(text: str, tag: re.Pattern[str], *, most_lines: int, line_end: str) -> str:
    """Breaks a text into lines.

    Args:
        text: The text; white space in it is as good as a space.
        tag: What takes no room.
        most_lines: How many lines there may be. Where they are too few, lines are longer than
            LINE_LENGTH.
        line_end: What goes between lines.
    """
    words = _words(text, tag)
    widths = [len(tag.sub("", word)) for word in words]
    total = sum(widths) + len(widths) - 1
    width = LINE_LENGTH
    while len(_filled(widths, width)) > most_lines:
        width += max(1, width // 8)
    rows = len(_filled(widths, width))
    low, high = total // rows, width  # the narrowest of as many lines is the most even one
    while low < high:
        middle = (low + high) // 2
        if len(_filled(widths, middle)) <= rows:
            high = middle
        else:
            low = middle + 1
    lines, start = [], 0
    for count in _filled(widths, high):
        lines.append(" ".join(words[start : start + count]))
        start += count
    return line_end.join(lines)


def _words(text: str, tag: re.Pattern[str]) -> list[str]:
    """Splits at white space that is outside of tags."""
    words = [""]
    position = 0
    for match in tag.finditer(text):
        _append(words, text[position : match.start()])
        words[-1] += match[0]
        position = match.end()
    _append(words, text[position:])
    return [word for word in words if word]


def _append(words: list[str], text: str) -> None:
    first, *others = _SPACE.split(text)
    words[-1] += first
    words += others


def _filled(widths: list[int], width: int) -> list[int]:
    """Returns how many words go on each line, each line as full as it can be."""
    counts = [0]
    used = -1
    for word in widths:
        if counts[-1] and used + 1 + word > width:
            counts.append(0)
            used = -1
        counts[-1] += 1
        used += 1 + word
    return counts
