"""Messages of HTML: the text of each block, its inline tags kept.

What is no prose stays: scripts, styles, pre, code, attributes, comments, and what says
`translate="no"` or has the class `notranslate`. Does not know how HTML is cut: that is
html_tokens.py.
"""

import html
import re
from collections.abc import Iterator

from dragoman.documents.document import Document, DocumentError
from dragoman.documents.part import Code, Part
from dragoman.documents.parts import Lines, flowing, spanning
from dragoman.html_tokens import RAW, VOID, Token, attributes_of, tokens

_INLINE = (
    "a abbr acronym b bdi bdo big br cite data del dfn em font i img ins label mark q ruby rb rp "
    "rt s small span strike strong sub sup time tt u wbr"
)
INLINE = frozenset(_INLINE.split())
"""Elements that do not end a sentence; all others do."""

KEPT_INLINE = frozenset(("code", "kbd", "math", "samp", "svg", "var"))
"""Elements within a sentence that say the same in all languages."""

FOREIGN = frozenset({"math", "svg"})
"""Elements of other languages, which may end with their start tag."""

KEPT = KEPT_INLINE | {"canvas", "object", "pre", "template"} | RAW - {"title"}
"""Elements whose contents stay as they are."""

_CHARSET = re.compile(r"charset\s*=\s*[\"']?\s*([\w.:-]+)", re.IGNORECASE)


def parse(content: str) -> Document:
    """Finds the messages.

    Raises:
        DocumentError: It says that it is in another encoding than UTF-8.
    """
    line_of = Lines(content)
    messages = [
        message
        for name, begin, parts in _blocks(content, line_of)
        if (message := spanning(name, begin, parts, line_of, _encode))
    ]
    return Document(content, tuple(messages))


def _blocks(content: str, line_of: Lines) -> Iterator[tuple[str, int, list[Part]]]:
    """Yields each block: what element it is in, where it begins, and what it is made of."""
    begin = int(content.startswith("\ufeff"))
    name, parts = "text", list[Part]()
    rest = tokens(content, begin)
    for token in rest:
        if token.name == "meta":
            _check_charset(token, line_of)
        end = _end_of_kept(token, rest) if _is_kept(token) else token.end
        if token.kind == "text":
            parts += flowing(content[token.begin : end], html.unescape)
        elif token.kind == "other" or token.name in INLINE or token.name in KEPT_INLINE:
            parts.append(Code(content[token.begin : end]))
        else:
            yield name, begin, parts
            name, begin, parts = token.name, end, []
    yield name, begin, parts


def _is_kept(token: Token) -> bool:
    if token.kind != "start":
        return False
    if token.name in KEPT:
        return True
    if "translate" not in token.attributes.lower():
        return False
    attributes = attributes_of(token)
    says_no = attributes.get("translate", "").lower() == "no"
    return says_no or "notranslate" in attributes.get("class", "").split()


def _end_of_kept(token: Token, rest: Iterator[Token]) -> int:
    """Reads over what is in an element and returns where it ends."""
    if token.name in VOID or (token.name in FOREIGN and token.attributes.endswith("/")):
        return token.end
    depth = 1
    end = token.end
    for inner in rest:
        end = inner.end
        if inner.name == token.name:
            depth += {"start": 1, "end": -1}.get(inner.kind, 0)
        if depth == 0:
            break
    return end


def _check_charset(token: Token, line_of: Lines) -> None:
    charset = _CHARSET.search(token.attributes)
    if charset and charset[1].lower() not in {"utf-8", "utf8"}:
        problem = (
            f"says that the file is in {charset[1]}, not in UTF-8: `iconv -t UTF-8` converts it"
        )
        raise DocumentError(problem, line_of.at(token.begin))


def _encode(text: str) -> str:
    return html.escape(text, quote=False).replace("\xa0", "&nbsp;")
