"""Messages of WebVTT (.vtt): https://www.w3.org/TR/webvtt1/.

Headers, notes, styles, regions, names of cues, settings and tags stay.
"""

import html
import re
from collections.abc import Iterator

from dragoman.documents.cues import Cue, Line, Syntax, document, is_time, lines_of, paragraphs
from dragoman.documents.document import Document, DocumentError

_BEGINNING = re.compile(r"\ufeff?WEBVTT(?:[ \t\r\n]|\Z)")
_TIME = re.compile(r"(?:\d{2,}:)?\d\d:\d\d\.\d{3}[ \t]+-->[ \t]+(?:\d{2,}:)?\d\d:\d\d\.\d{3}")
_TAG = re.compile(r"(<[^<>\n]*>)")
_NO_CUES = {"WEBVTT", "NOTE", "STYLE", "REGION"}


def parse(content: str) -> Document:
    """Finds the messages.

    Raises:
        DocumentError: It does not begin as WebVTT does, or has a time that is none.
    """
    if not _BEGINNING.match(content):
        raise DocumentError("is not WebVTT: it does not begin with WEBVTT", 1)
    syntax = Syntax(_TAG, html.unescape, _encoded)
    return document(content, _cues(lines_of(content)), syntax)


def _cues(lines: list[Line]) -> Iterator[Cue]:
    for block in paragraphs(lines):
        if block[0].text.removeprefix("\ufeff").split()[0] in _NO_CUES:
            continue
        for index, line in enumerate(block[:2]):  # the first may be the cue's name
            if is_time(line, _TIME):
                if text := block[index + 1 :]:
                    yield Cue(block[0].text.strip(), text)
                break


def _encoded(text: str) -> str:
    return html.escape(text, quote=False)
