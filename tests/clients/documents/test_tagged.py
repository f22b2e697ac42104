import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dragoman.documents.part import Code, Part, PlacementError, Text
from dragoman.documents.tagged import tagged, untagged
from tests.clients.documents.reading import read

TAGS = ["**", "*", "[", "](u)", "<b>", "</b>", "<i x='1'>", "</i>", "<br>", "`c`", "{x}"]
OTHERS: list[Part] = [
    Code(" ", " "),
    Code(" 12 &amp; ", " 12 & "),
    Text("a  b", "a b"),
    Text("&lt;", "<x"),
]
PARTS = st.lists(
    st.sampled_from([Code(tag) for tag in TAGS]) | st.sampled_from(OTHERS), min_size=1, max_size=12
)


@given(PARTS)
@settings(max_examples=300, deadline=None)
def test_what_comes_back_as_it_was_is_what_it_was(parts: list[Part]) -> None:
    assert untagged(tagged(parts), parts, str) == "".join(part.raw for part in parts)


@given(PARTS)
@settings(max_examples=300, deadline=None)
def test_another_translation_has_the_same_tags(parts: list[Part]) -> None:
    answer = tagged([*parts, Text("z", "z")])
    result = untagged(answer, parts, lambda text: "." * len(text))
    tags = "".join(part.raw for part in parts if isinstance(part, Code) and part.text is None)
    assert "".join(result.replace(".", "").split()) == "".join(tags.split())


def test_tags_of_any_format_are_numbered_ones() -> None:
    assert read("markdown", "**One** [two](u) `x` 3 & *four*").texts == [
        '<g id="0">One</g> <g id="4">two</g> <x id="8"/> 3 &amp; <g id="10">four</g>'
    ]
    assert read("html", "<p> One <b class=x>two</b><br>three &lt; 4").texts == [
        'One <g id="2">two</g><x id="5"/>three &lt; 4'
    ]
    assert read("html", "<p>\n1. <i>One</i>.\n</p>").texts == ['1. <g id="1">One</g>.']
    assert read("srt", "1\n00:00:01,000 --> 00:00:02,000\n{\\an8}<i>One\ntwo</i>\n").texts == [
        '<x id="0"/><g id="1">One two</g>'
    ]


def test_tags_change_places_with_their_words() -> None:
    document = read("html", "<p>One <b>two</b> <i class=x>three</i>")
    (text,) = document.texts
    assert text == 'One <g id="2">two</g> <g id="6">three</g>'
    answer = '<g id="6">Drei</g> &amp; <g id="2">zwei</g> eins'
    assert document.write([answer]).content == (b"<p><i class=x>Drei</i> &amp; <b>zwei</b> eins")


@pytest.mark.parametrize(
    "answer",
    [
        "a b",
        '<g id="0">a b',
        '<g id="0">a</g> <g id="0">b</g>',
        '<g id="0">a</g> <x id="3"/> b</g>',
        '<g id="0">a <x id="3"/></g> <x id="9"/>',
        '<x id="0"/> a <x id="3"/>',
        '<g id="0">a</g> <x id="3"/> <b>',
        '<g id="0">a</g> <x id="' + "9" * 5000 + '"/>',
        '<g id="0">a</g> <x/>',
        "</g>",
    ],
)
def test_an_answer_with_other_tags_is_not_placed(answer: str) -> None:
    parts: list[Part] = [Code("<b>"), Text("a", "a"), Code("</b>"), Code("<br>"), Text("b", "b")]
    assert tagged(parts) == '<g id="0">a</g><x id="3"/>b'
    with pytest.raises(PlacementError):
        untagged(answer, parts, str)
