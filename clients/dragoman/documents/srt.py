r"""Messages of SubRip (.srt).

It has no standard: what stands between two times is a cue's, the number before the second one left
out. Tags such as <i> and {\an8} stay.
"""

import re
from collections.abc import Iterator

from dragoman.documents.cues import (
    ARROW,
    Cue,
    Line,
    Syntax,
    document,
    is_time,
    lines_of,
    paragraphs,
)
from dragoman.documents.document import Document, DocumentError

_TIME = re.compile(r"\ufeff?\s*\d+:\d{1,2}:\d{1,2}(?:[,.]\d{1,3})?\s*-->\s*\d+:\d{1,2}:\d{1,2}")
_TAG = re.compile(r"(</?[a-zA-Z][^<>\n]*>|\{\\[^{}\n]*\})")


def parse(content: str) -> Document:
    """Finds the messages.

    Raises:
        DocumentError: It has no times, or one that is none.
    """
    return document(content, _cues(lines_of(content)), Syntax(_TAG, str, _encoded))


def _cues(lines: list[Line]) -> Iterator[Cue]:
    times = [index for index, line in enumerate(lines) if is_time(line, _TIME)]
    if not times:
        if any(not line.is_blank for line in lines):
            raise DocumentError("is not SubRip: no line is like 00:00:01,000 --> 00:00:02,000", 1)
        return
    ends = [*(_end_before(lines, time) for time in times[1:]), len(lines)]
    for time, end in zip(times, ends, strict=True):
        number = lines[time - 1].text.strip("\ufeff \t") if time else ""
        for paragraph in paragraphs(lines[time + 1 : end]):
            yield Cue(number or lines[time].text.strip(), paragraph)


def _end_before(lines: list[Line], time: int) -> int:
    """Returns where what comes before a time ends: at the number of the time's cue."""
    return time - 1 if lines[time - 1].text.strip().isdecimal() else time


def _encoded(text: str) -> str:
    return text.replace(ARROW, "->")
