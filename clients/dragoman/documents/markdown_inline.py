"""What in a paragraph of Markdown is text, and how text is written there. The door to markdown-it.

markdown-it reads it; it tells no places, so its rules are watched while they read. Does not know
blocks.
"""

import html
import re
from collections import Counter
from collections.abc import Callable, Iterator

from markdown_it import MarkdownIt, rules_inline
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

Rule = Callable[[StateInline, bool], bool]

_ESCAPE = re.compile(r"\\([!-/:-@\[-`{-~])|(&(?:#[xX]?[0-9a-fA-F]+|\w+);)")
_SPECIAL = re.compile(
    r"[\\`*\[\]]|~(?=~)|(?<=~)~|<(?=[a-zA-Z/!?])|(?<![^\W_])_|_(?![^\W_])|&(?=#?\w+;)|#$"
)
_BEGINNING = re.compile(r"\A(?:(\d{1,9})([.)])(?=\s|\Z)|()([-+](?=[-+\s]|\Z)|#(?=[#\s]|\Z)|[>=]))")
"""What begins an item, a heading, a quotation or an underline."""

_WORDS = {"softbreak", "text", "text_special"}

_AS_A_WHOLE = {
    "autolink": rules_inline.autolink,
    "html_inline": rules_inline.html_inline,
    "image": rules_inline.image,
}


class InlineParser:
    """markdown-it, which says where code is."""

    def __init__(self) -> None:
        self._parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])
        self._parser.core.ruler.disable("inline")  # which is done for each block by itself
        self._env: dict[str, object] = {}
        self._text = ""
        self._codes: list[tuple[int, int]] = []
        watch = self._parser.inline.ruler.at
        for name, rule in _AS_A_WHOLE.items():
            watch(name, self._watched(rule, _whole))
        watch("backticks", self._watched(rules_inline.backtick, _backticks))
        watch("escape", self._watched(rules_inline.escape, _line_break))
        watch("newline", self._watched(rules_inline.newline, _line_break))
        watch("link", self._watched(rules_inline.link, _link))
        watch("emphasis", self._watched(rules_inline.emphasis.tokenize, _delimiters))
        watch("strikethrough", self._watched(rules_inline.strikethrough.tokenize, _delimiters))

    def blocks(self, content: str) -> list[Token]:
        """Returns the blocks of a file, what is in them as it is written."""
        self._env = {}
        return self._parser.parse(content, self._env)

    def codes(self, text: str) -> list[tuple[int, int]]:
        """Returns where in a block of the file is anything but text, in order."""
        self._text, self._codes = text, []
        self._parser.inline.parse(text, self._parser, self._env, [])
        return list(_merged(sorted(self._codes)))

    def structure(self, text: str) -> Counter[tuple[str, ...]]:
        """Returns what is in a block of the file beside its text, each with what it is in.

        In no order: other languages have other orders.
        """
        tokens: list[Token] = []
        self._text = ""
        self._parser.inline.parse(text, self._parser, self._env, tokens)
        found: Counter[tuple[str, ...]] = Counter()
        inside: list[str] = []
        for token in tokens:
            if token.type in _WORDS:
                continue
            if token.nesting < 0:
                inside.pop()
                continue
            what = repr((token.type, token.markup, token.attrs, token.content))
            found[(*inside, what)] += 1
            if token.nesting > 0:
                inside.append(what)
        return found

    def _watched(self, rule: Rule, spans: "Spans") -> Rule:
        def watched(state: StateInline, silent: bool) -> bool:
            begin = state.pos
            if not rule(state, silent):
                return False
            if not silent and state.src == self._text:  # not in what describes an image
                self._codes += spans(state, begin)
            return True

        return watched


Spans = Callable[[StateInline, int], list[tuple[int, int]]]
"""Says what is code of what a rule has read, from where it began."""


def _whole(state: StateInline, begin: int) -> list[tuple[int, int]]:
    return [(begin, state.pos)]


def _backticks(state: StateInline, begin: int) -> list[tuple[int, int]]:
    is_text = bool(state.pending)  # there is no end to the code
    return [] if is_text else [(begin, state.pos)]


def _line_break(state: StateInline, begin: int) -> list[tuple[int, int]]:
    is_break = bool(state.tokens) and state.tokens[-1].type == "hardbreak" and not state.pending
    return [(begin, state.pos)] if is_break else []


def _delimiters(state: StateInline, begin: int) -> list[tuple[int, int]]:
    last = state.delimiters[-1] if state.delimiters else None
    is_code = last is not None and (last.open or last.close)
    return [(begin, state.pos)] if is_code else []


def _link(state: StateInline, begin: int) -> list[tuple[int, int]]:
    end = state.pos
    label_end = state.md.helpers.parseLinkLabel(state, begin, True)
    if state.src[label_end + 1 : end] in {"", "[]"}:  # its text is the name of its target
        return [(begin, end)]
    return [(begin, begin + 1), (label_end, end)]


def _merged(spans: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yields spans without those that are inside of others."""
    reached = 0
    for begin, end in spans:
        if end > reached:
            yield max(begin, reached), end
            reached = end


def decoded(text: str) -> str:
    """Returns text without escapes and entities."""
    return _ESCAPE.sub(lambda match: match[1] or html.unescape(match[2]), text)


def encoded(text: str) -> str:
    """Returns text in which nothing is taken for anything else, wherever on a line it begins."""
    return _escaped(text).replace("|", "&#124;")  # escaped, it would still begin a table


def encoded_in_cell(text: str) -> str:
    """Returns `encoded` text for a cell of a table."""
    return _escaped(text).replace("|", r"\|")


def _escaped(text: str) -> str:
    return _BEGINNING.sub(r"\1\3\\\2\4", _SPECIAL.sub(r"\\\g<0>", text))
