"""A fragment of HTML as blocks of plain text, with the elements in each.

What is between blocks stays as it is, to the byte; so do all tags. Does not know translations.
"""

import html
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dragoman.html_tokens import RAW, VOID, Token, attributes_of, tokens
from dragoman_server.markup.alignment import Link
from dragoman_server.markup.block import Block, BlockBuilder
from dragoman_server.markup.writing import project

_BLOCKS = (
    "address article aside blockquote body br button caption center col colgroup dd details dialog "
    "dir div dl dt fieldset figcaption figure footer form frame frameset h1 h2 h3 h4 h5 h6 head "
    "header hgroup hr html legend li main menu nav ol optgroup option p section select summary "
    "table tbody td tfoot th thead title tr ul"
)
BLOCKS = frozenset(_BLOCKS.split())
"""Elements that end a sentence; all others are in one."""

KEPT = frozenset(("canvas", "math", "object", "svg", "template")) | RAW - {"title"}
"""Elements without text of the sentence that they stand in."""

KEPT_BLOCKS = frozenset(("pre", "textarea"))
"""Those that end a sentence."""

KEPT_WORDS = frozenset(("code", "kbd", "samp", "var"))
"""Elements whose contents are words of the sentence, but stay as they are."""


@dataclass(frozen=True, slots=True)
class Fragment:
    """What stays as it is, and the blocks between."""

    pieces: Sequence[str | Block]

    @property
    def texts(self) -> list[str]:
        """The texts of the blocks, in order: what is to be translated."""
        return [piece.text for piece in self.pieces if isinstance(piece, Block)]

    @property
    def needs_links(self) -> list[bool]:
        """Of each text, whether elements go where links say; all others stay at its ends."""
        return [piece.needs_links for piece in self.pieces if isinstance(piece, Block)]

    def translated(self, translations: Sequence[tuple[str, Sequence[Link]]]) -> str:
        """Returns the fragment with a translation of each of the texts in its place.

        Args:
            translations: Each with the links between its words and those of its text.
        """
        remaining = iter(translations)
        return "".join(
            piece if isinstance(piece, str) else project(piece, *next(remaining))
            for piece in self.pieces
        )


def parse(markup: str) -> Fragment:
    """Cuts a fragment into blocks and what is between.

    A tag or comment that the fragment ends in stays at its end: it would take in what follows it.

    Raises:
        MarkupError: A block has too many elements, or too many in each other.
    """
    pieces: list[str | Block] = []
    builder = BlockBuilder()
    found = list(tokens(markup))
    is_unfinished = bool(found) and found[-1].kind != "text" and not markup.endswith(">")
    unfinished = markup[found.pop().begin :] if is_unfinished else ""
    rest = iter(found)
    for token in rest:
        is_kept = _is_kept(token)
        end, words = _rest_of(token, rest, markup) if is_kept else (token.end, "")
        raw = markup[token.begin : end]
        if token.name in BLOCKS or token.name in KEPT_BLOCKS:
            pieces += [*builder.finish(), raw]
        elif is_kept:
            builder.add_kept(raw, "" if token.name in KEPT else words)
        elif token.kind == "text":
            builder.add_text(raw, html.unescape(raw))
        elif token.kind == "end":
            builder.close(token.name, raw)
        elif token.kind == "other" or token.name in VOID or raw.endswith("/>"):
            builder.add_kept(raw, "")
        else:
            builder.open(token.name, raw)
    return Fragment([*pieces, *builder.finish(), unfinished])


def _is_kept(token: Token) -> bool:
    if token.kind != "start":
        return False
    if token.name in KEPT or token.name in KEPT_BLOCKS or token.name in KEPT_WORDS:
        return True
    if "translate" not in token.attributes.lower():
        return False
    attributes = attributes_of(token)
    says_no = attributes.get("translate", "").lower() == "no"
    return says_no or "notranslate" in attributes.get("class", "").split()


def _rest_of(token: Token, rest: Iterator[Token], markup: str) -> tuple[int, str]:
    """Reads over what is in an element; returns where it ends, and the text in it."""
    if token.name in VOID or token.attributes.endswith("/"):
        return token.end, ""
    depth, end = 1, token.end
    words = []
    for inner in rest:
        end = inner.end
        if inner.kind == "text":
            words.append(markup[inner.begin : end])
        elif inner.name == token.name:
            depth += 1 if inner.kind == "start" else -1
        if depth == 0:
            break
    return end, html.unescape("".join(words))
