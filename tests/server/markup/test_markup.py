import re
from collections import Counter

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dragoman_server.markup import Link, MarkupError, parse
from dragoman_server.markup.block import MAX_DEPTH, MAX_ELEMENTS

TAG = re.compile(r"<!--.*?-->|</(?![a-z])[^>]*>|</?[a-z][^>]*>")
"""Comments, what browsers take for one, and tags."""

WORD = re.compile(r"\S+")
NAMES = ["b", "i", "a href='x>y'", "span class=x", "x-y"]
VOID = ["<img src=x>", "<wbr>", "<!-- c -->", "<x id='1'/>"]

WORDS = st.sampled_from(["one", "two", "three", "&amp;", "é", "日本", "3.", ","])
INLINE = st.recursive(
    st.lists(WORDS, min_size=1, max_size=3).map(" ".join) | st.sampled_from(VOID) | st.just(""),
    lambda inner: (
        st.tuples(st.sampled_from(NAMES), inner, st.booleans()).map(
            lambda drawn: f"<{drawn[0]}>{' ' * drawn[2]}{drawn[1]}</{drawn[0].split()[0]}>"
        )
        | st.lists(inner, max_size=4).map(" ".join)
        | st.lists(inner, max_size=3).map("".join)
        | inner.map(lambda text: f"<code>{TAG.sub('', text)}</code>")
    ),
    max_leaves=12,
)
PIECES = [
    "a ", "<b>", "</b>", "<i>", "</i>", "<p>", "</p>", "<img>", "<!--", "-->", "<code>", "</code>",
    "<", "&", "</", "<sup>", "</sup>", "1",
]  # fmt: skip
BROKEN = st.lists(st.sampled_from(PIECES), max_size=25).map("".join)
TARGETS = st.lists(
    st.sampled_from(["eins", "zwei", "<drei>", "one", "本日", "x.", " "]), max_size=9
)


def links(data: st.DataObject, source: str, target: str) -> list[Link]:
    sources = [match.span() for match in WORD.finditer(source)]
    targets = [match.span() for match in WORD.finditer(target)]
    if not sources or not targets:
        return []
    return [
        Link(*data.draw(st.sampled_from(sources)), *data.draw(st.sampled_from(targets)), weight)
        for weight in data.draw(st.lists(st.floats(0.05, 1.0), max_size=12))
    ]


def nesting(markup: str) -> Counter[tuple[str, ...]]:
    """Each tag with those that it is in; fails where one is closed that is not the innermost."""
    found: Counter[tuple[str, ...]] = Counter()
    inside: list[str] = []
    for tag in TAG.findall(markup):
        if tag.startswith("</"):
            name = tag[2:-1].strip()
            assert re.match(rf"<{re.escape(name)}\b", inside.pop()), markup
            continue
        found[(*inside, tag)] += 1
        if not tag.startswith(("<!--", "<img", "<wbr")) and not tag.endswith("/>"):
            inside.append(tag)
    assert not inside, markup
    return found


@given(st.lists(INLINE, max_size=3).map("</p> <p>".join), st.data())
@settings(max_examples=400, deadline=None)
def test_each_element_is_there_once_in_what_it_was_in_whatever_is_aligned(
    inner: str, data: st.DataObject
) -> None:
    markup = f"<p>{inner}</p>"
    fragment = parse(markup)
    translations = []
    for text in fragment.texts:
        target = " ".join(data.draw(TARGETS))
        translations.append((target, links(data, text, target)))
    assert nesting(fragment.translated(translations)) == nesting(markup)


@given(BROKEN, st.data())
@settings(max_examples=300, deadline=None)
def test_of_broken_markup_each_tag_is_there_once(markup: str, data: st.DataObject) -> None:
    fragment = parse(markup)
    translations = []
    for text in fragment.texts:
        target = " ".join(data.draw(st.lists(st.sampled_from(["eins", "zwei"]), max_size=5)))
        translations.append((target, links(data, text, target)))
    result = fragment.translated(translations)
    assert Counter(TAG.findall(result)) == Counter(TAG.findall(markup))


@pytest.mark.parametrize("unfinished", ["<a ", "</b", "<!-- b"])
def test_what_a_fragment_ends_in_stays_at_its_end(unfinished: str) -> None:
    fragment = parse(f"<b>a </b><code>b b {unfinished}")
    (text,) = fragment.texts
    result = fragment.translated([("eins b b zwei", [Link(0, 1, 0, 4, 1.0)])])
    assert text == "a b b"
    assert result.startswith("<b>eins</b>")
    assert result.endswith(unfinished)
    assert result.count("<") == 4  # each tag once


@given(st.lists(INLINE, max_size=2).map("<br>".join))
@example("<code>one</code><code>oneone</code>")
@example("<code>one</code> <code>one one</code>")
@example("three<code>three </code>")
@example("<b>日本 <img src=x></b> one")
@settings(max_examples=200, deadline=None)
def test_a_translation_that_says_the_same_has_all_words_where_they_were(markup: str) -> None:
    fragment = parse(markup)
    same = []
    for text in fragment.texts:
        words = [match.span() for match in WORD.finditer(text)]
        same.append((text, [Link(*word, *word, 1.0) for word in words]))
    result = parse(fragment.translated(same))
    assert result.texts == fragment.texts


def translated(markup: str, target: str, pairs: list[tuple[int, int]]) -> str:
    """The translation of a single block, given which words are aligned, by their numbers."""
    fragment = parse(markup)
    (source,) = fragment.texts
    sources = [match.span() for match in WORD.finditer(source)]
    targets = [match.span() for match in WORD.finditer(target)]
    found = [Link(*sources[one], *targets[other], 1.0) for one, other in pairs]
    return fragment.translated([(target, found)])


def test_elements_go_where_their_words_go() -> None:
    assert (
        translated(
            "<p>Where is the <b>nearest</b> train <i class='x'>station</i>, please?</p>",
            "Wo ist bitte der nächste Bahnhof?",
            [(0, 0), (1, 1), (2, 3), (3, 4), (4, 5), (5, 5), (6, 2)],
        )
        == "<p>Wo ist bitte der <b>nächste</b> <i class='x'>Bahnhof</i>?</p>"
    )


def test_elements_change_places_with_their_words() -> None:
    assert translated("<b>a</b> <i>b <u>c</u></i>", "C B A", [(0, 2), (1, 1), (2, 0)]) == (
        "<i><u>C</u> B</i> <b>A</b>"
    )


def test_one_wrong_link_does_not_stretch_an_element() -> None:
    pairs = [(0, 0), (1, 1), (2, 2), (3, 3), (1, 4), (4, 4)]
    assert translated("a <b>b</b> c d e", "A B C D E", pairs) == "A <b>B</b> C D E"


def test_words_between_two_of_an_element_are_in_it_where_they_belong_nowhere_else() -> None:
    assert translated("a <b>b c</b> d", "A B x C D", [(0, 0), (1, 1), (2, 3), (3, 4)]) == (
        "A <b>B x C</b> D"
    )


def test_an_element_of_all_words_stays_one() -> None:
    assert translated("<a><b>one two</b></a>", "Zwei, eins.", []) == "<a><b>Zwei, eins.</b></a>"


def test_what_is_not_aligned_goes_by_its_place() -> None:
    assert translated("one two <b>three</b> four", "eins zwei drei vier", []) == (
        "eins zwei <b>drei</b> vier"
    )


def test_points_stay_beside_their_words() -> None:
    pairs = [(0, 1), (1, 0)]
    assert translated("one <img> two", "zwei eins", pairs) == "<img> zwei eins"
    assert translated("one<img> two", "zwei eins", pairs) == "zwei eins<img>"
    assert translated("<img>one two", "zwei eins", pairs) == "<img>zwei eins"
    assert translated("a <b>one <wbr> two</b>", "zwei eins A", [(0, 2), (1, 1), (2, 0)]) == (
        "<b><wbr> zwei eins</b> A"
    )


def test_notes_are_no_part_of_the_word_before() -> None:
    markup = "one<sup><a href=x>[1]</a></sup> two"
    assert parse(markup).texts == ["one two"]
    assert translated(markup, "zwei eins", [(0, 1), (1, 0)]) == (
        "zwei eins<sup><a href=x>[1]</a></sup>"
    )


def test_words_that_stay_are_found_and_otherwise_put_in() -> None:
    markup = 'Call <code>run(x)</code> or <b translate="no">One &amp; Two</b> <i>now</i>'
    assert parse(markup).texts == ["Call run(x) or One & Two now"]
    pairs = [(0, 4), (1, 1), (2, 2), (6, 0)]
    assert translated(markup, "Jetzt run(x) oder One & Two aufrufen", [*pairs[:3], (6, 0)]) == (
        '<i>Jetzt</i> <code>run(x)</code> oder <b translate="no">One &amp; Two</b> aufrufen'
    )
    assert "<code>run(x)</code>" in translated(markup, "Jetzt aufrufen", [(0, 1), (6, 0)])


def test_words_that_stay_are_found_where_others_of_their_like_are_taken() -> None:
    markup = "<code>a</code><code>aa</code> one <code>a</code>"
    assert translated(markup, "eins: aaa, a", []) == (
        "eins: <code>a</code><code>aa</code>, <code>a</code>"
    )
    assert translated("<code>a</code> or <code>a</code>", "Das a oder a", []) == (
        "Das <code>a</code> oder <code>a</code>"
    )


def test_text_is_cut_at_blocks_and_all_else_stays_to_the_byte() -> None:
    markup = (
        '\n<div  class="a"><h1>One\n  two &lt;3</h1> <p>12 <pre> x <b>y</b></pre>'
        "<script>var a = '<p>';</script><ul><li>three<li>four<br>five</ul><!-- c -->"
    )
    fragment = parse(markup)
    assert fragment.texts == ["One two <3", "12", "three", "four", "five"]
    assert fragment.translated([(text.upper(), []) for text in fragment.texts]) == (
        '\n<div  class="a"><h1>ONE TWO &lt;3</h1> <p>12 <pre> x <b>y</b></pre>'
        "<script>var a = '<p>';</script><ul><li>THREE<li>FOUR<br>FIVE</ul><!-- c -->"
    )


def test_white_space_goes_out_of_tags() -> None:
    assert translated("a <b> b </b>c", "A B C", [(0, 0), (1, 1), (2, 2)]) == "A <b>B</b> C"


def test_more_elements_than_are_allowed_are_refused() -> None:
    with pytest.raises(MarkupError, match="more elements in each other; allowed: at most 64"):
        parse("<b>" * (MAX_DEPTH + 1))
    with pytest.raises(MarkupError, match="more elements in one block; allowed: at most 2000"):
        parse("<b>a</b>" * (MAX_ELEMENTS + 1))
    assert len(parse("<p><b>a</b>" * (MAX_ELEMENTS + 1)).texts) == MAX_ELEMENTS + 1


@pytest.mark.parametrize(
    ("markup", "expected"),
    [
        ("<p>one<p>two <b>three</b><p><i><u>four</u></i><br>five <!-- c --> six", [0, 1, 0, 1]),
        ("<img><b>one <img></b><x/>", [0]),
        ("<b>one <i>two</i></b>", [1]),
        ("<code>one</code>", [1]),
        (" - <br> ", []),
    ],
)
def test_links_are_needed_where_elements_are_not_at_the_ends(
    markup: str, expected: list[int]
) -> None:
    assert parse(markup).needs_links == list(map(bool, expected))


def test_words_that_the_translation_has_lost_are_not_joined_to_others() -> None:
    markup = "so <code>x = 1</code> was wrong"
    assert translated(markup, "also 38 falsch", [(0, 0), (2, 2)]) in {
        "also <code>x = 1</code> 38 falsch",
        "also 38 <code>x = 1</code> falsch",
    }
