import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from dragoman.documents.document import DocumentError
from dragoman.documents.formats import Settings
from tests.clients.documents.reading import by_lines, check_identity, hostile, louder, read, written

WORDS = ["foo", "é", " ", "\n", "\n\n", ": ", "#", "'", '"', "\\", "- ", "{", "[", "%", "&", "0"]
TEXTS = st.lists(st.sampled_from(WORDS), max_size=9).map("".join)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["yes", "12", "null", "~"]) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=10,
)


def translated(value: object) -> object:
    if isinstance(value, dict):
        return {key: translated(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [translated(inner) for inner in value]
    return by_lines(value, hostile) if isinstance(value, str) else value


@given(
    VALUES,
    st.sampled_from([None, "'", '"', "|", ">"]),
    st.sampled_from([None, True, False]),
    st.sampled_from([20, 1000]),
    st.booleans(),
)
@settings(max_examples=200, deadline=None)
def test_strings_alone_are_translated(
    value: object, style: str | None, flow: bool | None, width: int, windows: bool
) -> None:
    content = yaml.safe_dump(value, default_style=style, default_flow_style=flow, width=width)
    if windows:
        content = content.replace("\n", "\r\n")
    document = check_identity("yaml", content)
    expected = translated(yaml.safe_load(content))
    assert yaml.safe_load(written(document, hostile)) == expected


def test_every_style_stays_where_it_can() -> None:
    content = (
        "a: plain # comment\n"
        "b: 'it''s'\n"
        'c: "two\\nlines"\n'
        "d: &anchor |\n    one\n\n    two\n\n"
        "e: !!str >-  # folded\n  three\n  four\n\n  five\n"
        "f: *anchor\n"
        "g: {h: i, j: [k, 1, true, 2001-01-01, ~]}\n"
        "? complex\n: value\n"
    )
    assert written(read("yaml", content), louder) == (
        "a: PLAIN # comment\n"
        "b: 'IT''S'\n"
        'c: "TWO\\nLINES"\n'
        "d: &anchor |\n    ONE\n\n    TWO\n\n"
        "e: !!str >-  # folded\n  THREE FOUR\n\n  FIVE\n"
        "f: *anchor\n"
        "g: {h: I, j: [K, 1, true, 2001-01-01, ~]}\n"
        "? complex\n: VALUE\n"
    )


@pytest.mark.parametrize("text", ["yes", "12", "a: b", "x #y", "- z", "{a}", "'q", "a\tb: "])
def test_what_plain_cannot_say_is_put_in_quotes(text: str) -> None:
    result = written(read("yaml", "a: word\nb: [word]\n"), lambda _: text)
    assert yaml.safe_load(result) == {"a": text.strip(), "b": [text.strip()]}


def test_what_is_of_another_type_stays() -> None:
    content = "a: !custom word\nb: !!binary aGk=\nc: 0x1F\nd: off\ne: 1_000\n"
    assert read("yaml", content).texts == []


def test_messages_are_named_and_chosen_by_their_keys() -> None:
    content = "en:\n  a: x\n  b:\n    - y\n    - c: z\n"
    assert [(each.id, each.line) for each in read("yaml", content).messages] == [
        ("en.a", 2), ("en.b.0", 4), ("en.b.1.c", 5),
    ]  # fmt: skip
    assert read("yaml", content, Settings(keys=("en.b.*",))).texts == ["y", "z"]


def test_a_billion_laughs_are_one() -> None:
    content = "a: &a [lol, lol]\n"
    for name, before in zip("bcdefghij", "abcdefghi", strict=True):
        content += f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n"
    assert read("yaml", content).texts == ["lol", "lol"]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ('a: 1\nb: "x', "line 2: is not YAML: found unexpected end of stream"),
        ("a: 1\nb: \x01", "line 2: is not YAML: control characters are not allowed"),
        ("a:\n" + "- " * 500, "line 2: has more than 200 mappings and sequences in each other"),
        ("a: b: c", "line 1: is not YAML: mapping values are not allowed"),
    ],
)
def test_what_is_no_yaml_is_refused_with_its_line(content: str, problem: str) -> None:
    with pytest.raises(DocumentError) as caught:
        read("yaml", content)
    assert str(caught.value).startswith(problem)
