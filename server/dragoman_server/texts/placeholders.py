"""Finds what no translator may touch: placeholders of programs, tags, code, addresses.

`%1$s` `%d` `%(name)s` `%@` of printf, Python and Apple; `%1` `%n` of Qt; `%{x}` of Ruby; `{name}`
`{0:.2f}` of Python and ICU; `{{x}}` `${x}` `#{x}` of templates; whole plurals and selects of ICU
in a sentence, their branches included; tags such as `<x id="1"/>`; spans of code in backticks; URLs
and e-mail addresses. Takes time linear in the text's length. Knows characters alone: what stands in
a sentence as `{name}` is taken for a placeholder whoever wrote it.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

_NAME = r"[\w.\-\[\]]{1,100}"

_WIDE = r"\u3001\u3002\uff0c\uff09\u3011\u300d"
"""Punctuation of Chinese and Japanese, which follows an address without a space."""

_PATTERN = re.compile(
    rf"""
    ```[^`]++```|``(?:[^`\n]|`(?!`))++``|`[^`\n]++`
    |(?P<address>(?:https?|ftp)://[^\s<>"`|\\^{_WIDE}]++|www\.[^\s<>"`|\\^{_WIDE}]++)
    |(?P<tag></?+[A-Za-z][\w:.\-]*+
        (?:\s++[\w:.\-]++(?:\s*+=\s*+(?:"[^"<]*+"|'[^'<]*+'|[^\s"'<>=`/]++))?+)*+\s*+/?+>)
    |(?P<nested>\{{\s*+[\w.\-]++\s*+,\s*+(?:plural|select|selectordinal)\s*+,)
    |\{{\{{[^{{}}]{{1,200}}\}}\}}
    |[$\#]\{{[^{{}}]{{1,200}}\}}
    |%\{{[^{{}}]{{1,200}}\}}
    |%\({_NAME}\)[\-+\#0]{{0,4}}\d{{0,4}}(?:\.\d{{1,4}})?[A-Za-z]
    |\{{\s?(?:{_NAME})?(?:![rsa])?(?::[^{{}}\s]{{0,40}})?\s?\}}
    |\{{\s?{_NAME}\s?,\s?(?:number|date|time|spellout|ordinal|duration)(?:\s?,[^{{}}]{{1,200}})?\}}
    |%(?:\d{{1,2}}\$)?[\-+\#0]{{0,4}}(?:\d{{1,4}}|\*)?(?:\.(?:\d{{1,4}}|\*))?
        (?:hh|h|ll|l|L|q|j|z|t)?[diouxXeEfFgGaAcspn@](?![A-Za-z])
    |(?<!\d)%(?:\d{{1,2}}\$)?[ds@]  # a unit may follow, as in %dpx; but 100%sure is none
    |%L?\d{{1,2}}(?!\d)
    |%%
    |(?<![\w.+\-])[\w.+\-]{{1,64}}@[\w\-]{{1,63}}(?:\.[\w\-]{{1,63}}){{1,8}}
    """,
    re.VERBOSE,
)

_AFTER_ADDRESS = ".,;:!?)]}'*_"
"""What ends a sentence and not an address, but for a bracket that was opened in it."""

_OPENING = {")": "(", "]": "[", "}": "{"}


class Placeholder(NamedTuple):
    """Where something is that no translator may touch."""

    start: int
    end: int
    is_tag: bool
    """Whether it is a tag, whose order among other tags has a meaning."""


def find_placeholders(text: str) -> list[Placeholder]:
    """Returns all placeholders of a text, from left to right; none overlaps another."""
    return list(_find(text))


def _find(text: str) -> Iterator[Placeholder]:
    position = 0
    ends: dict[int, int] | None = None
    while (found := _PATTERN.search(text, position)) is not None:
        start, end = found.span()
        if found.lastgroup == "address":
            end = start + _address_length(found.group())
        elif found.lastgroup == "nested":
            ends = _brace_ends(text) if ends is None else ends
            if start not in ends:  # never closed: it is no message of ICU
                position = end
                continue
            end = ends[start]
        yield Placeholder(start, end, found.lastgroup == "tag")
        position = end


def _address_length(text: str) -> int:
    """Returns how long an address is that may end with what is none of it."""
    end = len(text)
    too_many = {
        closing: text.count(closing) - text.count(opening) for closing, opening in _OPENING.items()
    }
    while text[end - 1] in _AFTER_ADDRESS:
        last = text[end - 1]
        if last in too_many:
            if too_many[last] <= 0:
                break
            too_many[last] -= 1
        end -= 1
    return end


def _brace_ends(text: str) -> dict[int, int]:
    """Returns where each opening brace's pair ends."""
    ends: dict[int, int] = {}
    open_braces: list[int] = []
    for brace in re.finditer(r"[{}]", text):
        if brace.group() == "{":
            open_braces.append(brace.start())
        elif open_braces:
            ends[open_braces.pop()] = brace.end()
    return ends
