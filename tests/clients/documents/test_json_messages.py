import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dragoman.documents.document import DocumentError
from dragoman.documents.formats import Settings
from tests.clients.documents.reading import (
    by_lines,
    check_identity,
    hostile,
    kept,
    louder,
    read,
    written,
)

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=12,
)


def translated(value: object) -> object:
    if isinstance(value, dict):
        return {key: translated(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [translated(inner) for inner in value]
    return by_lines(value, hostile) if isinstance(value, str) else value


@given(VALUES, st.sampled_from([None, 2, "\t"]), st.booleans())
@settings(max_examples=150, deadline=None)
def test_strings_alone_are_translated(
    value: object, indent: int | str | None, ascii_: bool
) -> None:
    content = json.dumps(value, indent=indent, ensure_ascii=ascii_)
    document = check_identity("json", content)
    assert json.loads(written(document, hostile)) == translated(value)


def test_all_else_stays_to_the_byte() -> None:
    content = '{ "Key":"one\\ttwo",\r\n\t"n" : [1.50, "x\\/y" ,true],"e":""  }\r\n'
    assert written(read("json", content), louder) == (
        '{ "Key":"ONE TWO",\r\n\t"n" : [1.50, "X/Y" ,true],"e":""  }\r\n'
    )


def test_messages_are_named_by_their_keys() -> None:
    document = read("json", '{"a": {"b.c": "x"},\n "l": [1, "y", {"d": "z"}]}')
    assert [(each.id, each.line) for each in document.messages] == [
        ("a.b.c", 1), ("l.1", 2), ("l.2.d", 2),
    ]  # fmt: skip


def test_values_are_chosen_by_their_keys() -> None:
    content = '{"a": {"message": "x", "note": "y"}, "b": {"message": "z"}}'
    document = read("json", content, Settings(keys=("*.message",)))
    assert document.texts == ["x", "z"]


def test_a_file_in_ascii_stays_in_ascii() -> None:
    assert written(read("json", '["caf\\u00e9"]'), louder) == '["CAF\\u00c9"]'
    assert written(read("json", '["café"]'), louder) == '["CAFÉ"]'
    assert written(read("json", '["cafe"]'), lambda _: "é") == '["é"]'


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ('{"a": 1,\n "b"}', "line 2: is not JSON: Expecting ':' delimiter"),
        ("[" * 100_000, "line 1: has more than 200 objects and arrays in each other"),
        ('["a",\n' + '{"a":' * 100_000, "line 2: has more than 200 objects"),
        ("", "line 1: is not JSON"),
    ],
)
def test_what_is_no_json_is_refused_with_its_line(content: str, problem: str) -> None:
    with pytest.raises(DocumentError) as caught:
        read("json", content)
    assert str(caught.value).startswith(problem)


def test_a_plural_is_one_text_on_however_many_lines_it_is_written() -> None:
    value = "{n, plural,\n  one {# file\n}\n  other {# new\n files}\n}\n"
    content = json.dumps({"files": value, "name": "one\ntwo"})
    document = read("json", content)
    assert document.texts == ["{n, plural, one {# file } other {# new files} }", "one", "two"]

    def translated(text: str) -> str:
        return text.replace("# file }", "# Datei }").replace("new files", "neue Dateien")

    assert json.loads(written(document, translated))["files"] == (
        "{n, plural,\n  one {# Datei\n}\n  other {# neue Dateien}\n}\n"
    )
    assert kept(document, lambda text: text.replace("other", "andere")) == 1
