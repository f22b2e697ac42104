from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from tests.clients.documents.reading import (
    check_identity,
    hostile,
    kept,
    louder,
    read,
    words,
    written,
)

PIECES = [
    "foo", "bar", " ", "\n", "\n\n", "*", "**", "_", "`", "``", "[", "]", "](u)", "![", "<b>",
    "</b>", "<", "&amp;", "&", "\\", "\\*", "# ", "> ", "- ", "1. ", "    ", "\t", "|",
    "\n|-|-|\n", "~~",
    "---", "===", "  \n", "é", "http://x", "<http://y>", "[r]: u\n", "```\n", "=", "+", "!", "\r\n",
]  # fmt: skip
FILES = st.lists(st.sampled_from(PIECES), max_size=30).map("".join)
READER = MarkdownIt("commonmark").enable(["table", "strikethrough"])


def structure(tokens: Sequence[Token]) -> Iterator[object]:
    """All that is not text."""
    for token in tokens:
        if token.type in {"text", "text_special", "softbreak"}:
            continue
        content = "" if token.type == "inline" else token.content
        yield (token.type, token.tag, token.markup, tuple(token.attrs.items()), content)
        yield from structure(token.children or [])


@given(FILES)
@settings(max_examples=120, deadline=None)
def test_any_file_keeps_its_structure(content: str) -> None:
    document = check_identity("markdown", content)
    for translate in (hostile, louder):
        result = written(document, translate)
        assert list(structure(READER.parse(result))) == list(structure(READER.parse(content)))


def test_text_is_translated_and_all_else_stays() -> None:
    content = """\
---
title: Not this
---

Title *one*
===========

> quoted `code`
> text\\
> more

1. item [link](http://x "t") ![image](y.png)
   going on
   * **bold**, ~~gone~~ &amp; a_b_c 2 * 3

| Head | A \\| b |
|------|:------|
| cell | `x` y |

    code

```python
code
```

<div>
html
</div>

[ref] and [text][ref] and <http://z> <b>x</b>

[ref]: http://x "title"
"""
    document = read("markdown", content)
    assert words(document) == [
        "Title", "one", "quoted", "text", "more", "item", "link", "going on", "bold", "gone",
        "& a_b_c 2 * 3", "Head", "A | b", "cell", "y", "and", "text", "and", "x",
    ]  # fmt: skip
    assert [each.id for each in document.messages] == [
        "h1", "p", "p", "p", "th", "th", "td", "td", "p",
    ]  # fmt: skip
    assert kept(document, louder) == 0
    assert (
        written(document, louder)
        == """\
---
title: Not this
---

TITLE *ONE*
===========

> QUOTED `code` TEXT\\
> MORE

1. ITEM [LINK](http://x "t") ![image](y.png) GOING ON
   * **BOLD**, ~~GONE~~ & A_B_C 2 \\* 3

| HEAD | A \\| B |
|------|:------|
| CELL | `x` Y |

    code

```python
code
```

<div>
html
</div>

[ref] AND [TEXT][ref] AND <http://z> <b>X</b>

[ref]: http://x "title"
"""
    )


def test_lines_of_a_paragraph_are_one_text() -> None:
    document = read("markdown", "> - one\n>   two\n> three\n")
    assert words(document) == ["one two three"]
    assert written(document, louder) == "> - ONE TWO THREE\n"


@pytest.mark.parametrize(
    "text", ["# x", "- x", "+ x", "1. x", "2) x", "> x", "===", "---", "```", "~~~", "    x", "a #"]
)
def test_a_translation_begins_no_block(text: str) -> None:
    result = written(read("markdown", "word\n"), lambda _: text)
    (_, inline, _) = READER.parse(result)
    assert inline.children is not None
    assert "".join(token.content for token in inline.children) == text.strip()


def test_what_cannot_stand_between_its_marks_is_left_as_it_was() -> None:
    document = read("markdown", "**foo**bar\n")
    result = document.write(['<g id="0"></g>foo bar'])  # nothing between them is no bold text
    assert result.content == b"**foo**bar\n"
    assert len(result.kept) == 1
    assert written(document, louder) == "**FOO**BAR\n"


@pytest.mark.parametrize(
    ("content", "answer", "expected"),
    [
        ("`a`, `b` or `c`", '<x id="0"/><x id="2"/><x id="6"/> oder', "`a` `b` `c` oder"),
        ("**foo**bar", '<g id="0">foo.</g>bar', "**foo.** bar"),
        ("foo**bar**", 'foo<g id="1">(bar)</g>', "foo **(bar)**"),
        ("foo _bar_ baz", 'foo<g id="2">bar</g>baz', "foo _bar_ baz"),
        ("**`a`** by you", '<g id="0"><x id="1"/></g>von dir', "**`a`** von dir"),
        ("~~foo~~ bar", '<g id="0">foo!</g>bar', "~~foo!~~ bar"),
        ("**foo** (bar)", '<g id="0">foo.</g>(bar)', "**foo.**(bar)"),
        ("a `b` c `d`", 'a\\`<x id="2"/>c <x id="6"/>', "a\\\\\\``b`c `d`"),
    ],
)
def test_marks_are_set_apart_where_they_would_say_something_else(
    content: str, answer: str, expected: str
) -> None:
    result = read("markdown", content).write([answer])
    assert result.content.decode() == expected
    assert not result.kept
