import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from justhtml import JustHTML

from dragoman.documents.document import DocumentError
from dragoman.html_tokens import attributes_of, tokens
from tests.clients.documents.reading import check_identity, hostile, louder, read, words, written

PIECES = [
    "foo", "bar ", " ", "\n", "<p>", "</p>", "<b>", "</b>", "<i class='x>y'>", "</i>", "<br>",
    "<div>", "</div>", "<!--", "-->", "<script>", "</script>", "&lt;", "&", "<", "</",
    '<a href="x>y">', "</a>", "<table>", "<tr>", "<td>", "</table>", "<code>", "</code>", "<pre>",
    "</pre>", "<title>", "</title>", "<img/>", "<p translate=no>", "<svg>", "</svg>", "<textarea>",
    "</textarea>", "é", "&nbsp;", "<!x>", "<?y>", "=", "'", '"', "<span class='notranslate'>",
    "</span>", "<li>", "<style>", "</style>",
]  # fmt: skip
PAGES = st.lists(st.sampled_from(PIECES), max_size=30).map("".join)


def structure(page: str) -> list[tuple[str, str, str]]:
    """Elements, attributes and comments of a page, as a parser that follows the standard has it."""
    found = []
    waiting = [JustHTML(page, sanitize=False).root]
    while waiting:
        node = waiting.pop()
        if node.name != "#text":
            comment = str(node.data) if node.name == "#comment" else ""
            found.append((node.name, str(getattr(node, "attrs", None)), comment))
        waiting += reversed(getattr(node, "children", None) or [])
    return found


@given(PAGES)
@settings(max_examples=300, deadline=None)
def test_any_page_keeps_its_structure(page: str) -> None:
    document = check_identity("html", page)
    assert structure(written(document, hostile)) == structure(page)


@given(PAGES)
@settings(max_examples=150, deadline=None)
def test_tokens_are_the_page(page: str) -> None:
    found = list(tokens(page))
    assert "".join(page[token.begin : token.end] for token in found) == page
    assert all(token.begin < token.end for token in found)


def test_text_is_cut_at_blocks_and_keeps_its_inline_tags() -> None:
    page = (
        '<!doctype html>\r\n<html><head><meta charset="utf-8"><title>Fish &amp; chips</title>'
        '</head><body>\r\n<h1 id=x>Hello,\r\n  <b>big</b>&nbsp;world!</h1><p id="no">12 <p>One<br>'
        "two<img alt=no> &lt;3<ul><li>a<li>b</ul></body></html>\r\n"
    )
    document = read("html", page)
    assert words(document) == ["Fish & chips", "Hello,", "big", "world!", "One", "two", "a", "b"]
    assert [(each.id, each.line) for each in document.messages] == [
        ("title", 2), ("h1", 3), ("p", 4), ("li", 4), ("li", 4),
    ]  # fmt: skip
    assert written(document, louder) == (
        '<!doctype html>\r\n<html><head><meta charset="utf-8"><title>FISH &amp; CHIPS</title>'
        '</head><body>\r\n<h1 id=x>HELLO, <b>BIG</b> WORLD!</h1><p id="no">12 <p>ONE<br>'
        "TWO<img alt=no> &lt;3<ul><li>A<li>B</ul></body></html>\r\n"
    )


@pytest.mark.parametrize(
    "kept",
    [
        "<script>var a = '<p>x</p>';</script>",
        "<style>p { }</style>",
        "<pre>x <b>y</b></pre>",
        "<textarea>x</textarea>",
        "<div translate=no>x<div>y</div>z</div>",
        '<div class="a notranslate">x</div>',
        "<!-- x -->",
        "<?php echo '<p>x</p>'; if ($a->b) { ?>",
        "<svg><text>x</text></svg>",
        "<template><p>x</p></template>",
    ],
)
def test_what_is_no_prose_stays(kept: str) -> None:
    assert words(read("html", f"<p>a</p>{kept}<p>b")) == ["a", "b"]


def test_code_within_a_sentence_stays_there() -> None:
    document = read("html", "<p>Call <code>run(x)</code> or <kbd>x<kbd>y</kbd></kbd> now")
    assert words(document) == ["Call", "or", "now"]
    assert len(document.messages) == 1


def test_attributes_are_read_as_browsers_read_them() -> None:
    (token,) = tokens('<a X=1 y = "2>" z=\'3\' q w="" X=4>')
    assert attributes_of(token) == {"x": "1", "y": "2>", "z": "3", "q": "", "w": ""}


@pytest.mark.parametrize(
    "piece", ["<p>a <b>", "<a ", "<!--", "<a x='", '=" <b ', "</", "<?php ", "&#"]
)
def test_a_large_hostile_page_takes_no_longer_than_its_length(piece: str) -> None:
    page = piece * (1_000_000 // len(piece))
    assert sum(token.end - token.begin for token in tokens(page)) == len(page)


def test_a_page_in_another_encoding_is_refused() -> None:
    for tag in (
        '<meta charset="iso-8859-1">',
        "<meta http-equiv=x content='text/html; charset=x'>",
    ):
        with pytest.raises(DocumentError, match="line 2: says that the file is in "):
            read("html", f"<html>\n{tag}")
