"""HTML as a row of tokens with their places: text, tags, and what is neither.

As browsers read it, errors and all (https://html.spec.whatwg.org/#tokenization), in time
proportional to its length; but code of PHP ends where PHP ends it. Does not know what elements
mean, except which hold no tags.
"""

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

Kind = Literal["text", "start", "end", "other"]

_VOID = (
    "area base basefont bgsound br col embed frame hr img input keygen link meta param source "
    "track wbr"
)
VOID = frozenset(_VOID.split())
"""Elements without an end."""

_RAW = "iframe noembed noframes plaintext script style textarea title xmp"
RAW = frozenset(_RAW.split())
"""Elements in which nothing but their end is a tag."""

_MARKUP = re.compile(
    r"<!--(?:-?>|.*?(?:--!?>|\Z))"
    r"|<\?(?:php\b|=).*?(?:\?>|\Z)"
    r"|<(?:[!?]|/(?![a-zA-Z]))[^>]*+(?:>|\Z)"
    r"|<(?P<slash>/?)(?P<name>[a-zA-Z][^\s/>]*+)(?P<attributes>(?:"
    r"=\s*+(?:\"[^\"]*+(?:\"|\Z)|'[^']*+(?:'|\Z)|[^\s>]*+)|[^>=])*+)(?:>|\Z)",
    re.DOTALL,
)
_ATTRIBUTE = re.compile(
    r"(?P<name>[^\s/>=]++)(?:\s*+=\s*+(?:\"(?P<double>[^\"]*+)\"|'(?P<single>[^']*+)'|(?P<bare>[^\s>]++)))?"
)


class Token(NamedTuple):
    """A piece of a page; the pieces are the page."""

    kind: Kind
    begin: int
    end: int
    name: str = ""
    """Of a tag's element, in lower case."""

    attributes: str = ""
    """Of a start tag, as they are written."""


def tokens(content: str, begin: int = 0) -> Iterator[Token]:
    """Yields the tokens from `begin` on."""
    position = begin
    while match := _MARKUP.search(content, position):
        if match.start() > position:
            yield Token("text", position, match.start())
        position = match.end()
        name = (match["name"] or "").lower()
        if not name:
            yield Token("other", match.start(), position)
        elif match["slash"]:
            yield Token("end", match.start(), position, name)
        else:
            yield Token("start", match.start(), position, name, match["attributes"])
            if name in RAW:
                end = _end_of_raw(content, position, name)
                if end > position:
                    yield Token("text" if name == "title" else "other", position, end)
                position = end
    if position < len(content):
        yield Token("text", position, len(content))


def attributes_of(token: Token) -> dict[str, str]:
    """Returns a start tag's attributes, as written; of two with one name the first counts."""
    found: dict[str, str] = {}
    for match in _ATTRIBUTE.finditer(token.attributes):
        value = match["double"] or match["single"] or match["bare"] or ""
        found.setdefault(match["name"].lower(), value)
    return found


def _end_of_raw(content: str, position: int, name: str) -> int:
    if name == "plaintext":
        return len(content)
    end = re.compile(rf"</{name}(?=[\s/>])", re.IGNORECASE).search(content, position)
    return end.start() if end else len(content)
