import contextlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dragoman.documents import formats
from dragoman.documents.document import Document, DocumentError, Edit, Message
from dragoman.documents.formats import FORMATS, MAX_BYTES, format_of, parse
from dragoman.documents.part import Code, Text
from dragoman.documents.parts import Lines, flowing, lines
from tests.clients.documents.reading import check_identity, read

CORPUS = {
    "html": [
        "",
        "\ufeff<!DOCTYPE html>\r\n<p>Hello, <b>big</b> world.\r\n<p>Next &amp; last\r\n",
        "<title>A &lt; b</title><script>if (a < b) { say('<p>no</p>') }</script><p>yes",
        "<!-- <p>no</p> --><p translate=no>no <i>no</i></p><p>caf\u00e9 \u65e5\u672c",
        "plain < text & nothing else",
    ],
    "json": [
        "{}",
        '\ufeff{\r\n\t"a" : "Hello" ,\r\n\t"n":1.50e3, "t":true,"z":null}',
        '["one", ["two", {"k": "three\\nfour \\u00e9 \\/"}], "", "5"]\n',
        '"alone"',
    ],
    "markdown": [
        "",
        "\ufeff---\ntitle: x\n---\r\n\r\n# Hello *you*\r\n\r\ntext",
        "> a\n> b\n\n```\ncode\n```\n\n<div>\nhtml\n</div>\n\n- x\n  - y `z`\n",
        '| a | b |\n|---|:-:|\n| c \\| d | [e](f "g") |\n',
    ],
    "po": [
        "",
        'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=UTF-8\\n"\n',
        '\ufeff# comment\r\n#: a.c:1\r\n#, c-format\r\nmsgid "Hello"\r\nmsgstr ""\r\n',
        '#~ msgid "old"\n#~ msgstr ""\n\n#, fuzzy\n#| msgid "was"\nmsgid "is"\nmsgstr "ist"',
        'msgctxt "c"\nmsgid "one"\nmsgid_plural "more"\nmsgstr[0] ""\nmsgstr[1] ""\n',
    ],
    "srt": [
        "",
        "\ufeff1\r\n00:00:01,000 --> 00:00:02,000\r\n<i>Hello,\r\nyou.</i>\r\n\r\n",
        "1\n00:00:01,000 --> 00:00:02,000\n- One\n- Two\n\n\n2\n00:00:03,000 --> 00:00:04,000\nx",
    ],
    "vtt": [
        "WEBVTT",
        "\ufeffWEBVTT - x\r\n\r\nNOTE no\r\nno\r\n\r\n1\r\n00:01.000 --> 00:02.000\r\n<v A>Hi\r\n",
        "WEBVTT\n\nSTYLE\n::cue { color: red }\n\n00:01.000 --> 00:02.000 align:left\na &amp; b",
    ],
    "xliff": [
        '<xliff version="1.2"/>',
        (
            '\ufeff<?xml version="1.0" encoding="UTF-8"?>\r\n<xliff version="1.2"><file><body>\r\n'
            '<!-- c --><trans-unit id="1"><source>H\u00e4 <![CDATA[<b>]]></source></trans-unit>'
            '<trans-unit id="2"><source>b <g id="1">c</g></source></trans-unit>'
            "</body></file></xliff>\r\n"
        ),
        (
            '<xliff version="2.0"><file><unit id="u"><segment><source>a<ph id="1"/>b</source>'
            "<target>c</target></segment></unit></file></xliff>"
        ),
    ],
    "yaml": [
        "",
        "# comment\r\na: Hello # more\r\nb:\r\n  - one\r\n  - 'two'\r\n",
        "\ufeffa: &x |\n  one\n  two\n\nb: *x\nc: !!str 5\nd: >-\n  folded\n  text",
        'a: [x, 1, yes, "z"]\n---\nb: {c: d}\n...\n',
    ],
}
FILES = [(name, content) for name, contents in CORPUS.items() for content in contents]


@pytest.mark.parametrize(("name", "content"), FILES)
def test_a_file_with_nothing_translated_is_the_same_to_the_byte(name: str, content: str) -> None:
    document = check_identity(name, content)
    if name not in {"po", "xliff"}:  # which have a place of their own for translations
        assert document.write(document.texts).content == content.encode()


def test_the_corpus_has_texts_of_every_format() -> None:
    assert CORPUS.keys() == FORMATS.keys()
    for name, contents in CORPUS.items():
        assert sum(len(read(name, content).texts) for content in contents) >= 2, name


@given(st.sampled_from(sorted(FORMATS)), st.text(max_size=300))
@settings(max_examples=300, deadline=None)
def test_any_text_is_refused_or_kept_to_the_byte(name: str, content: str) -> None:
    with contextlib.suppress(DocumentError):
        check_identity(name, content)


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_a_damaged_file_is_refused_or_kept_to_the_byte(data: st.DataObject) -> None:
    name, content = data.draw(st.sampled_from(FILES))
    begin = data.draw(st.integers(0, len(content)))
    end = data.draw(st.integers(begin, len(content)))
    with contextlib.suppress(DocumentError):
        check_identity(name, content[:begin] + data.draw(st.text(max_size=5)) + content[end:])


def test_a_message_is_translated_as_a_whole_or_not_at_all() -> None:
    content = 'msgid "file"\nmsgid_plural "files"\nmsgstr[0] ""\nmsgstr[1] ""\n'
    document = read("po", content)
    assert document.texts == ["file", "files"]
    assert document.write(["Datei", ""]).content == content.encode()


def test_edits_are_made_in_order_and_may_be_at_one_place() -> None:
    message = Message(
        "x",
        1,
        (Code("("), Text("a", "a"), Code(")")),
        str,
        lambda raw: [Edit(1, 2, raw), Edit(1, 1, "!")],
    )
    assert Document("xyz", (message,)).write(["b"]).content == b"x!(b)z"


@pytest.mark.parametrize(
    ("name", "expected"),
    [("A.PO", "po"), ("x.pot", "po"), ("x.xlf", "xliff"), ("x.htm", "html"), ("x.yml", "yaml")],
)
def test_a_format_is_known_by_the_name_of_the_file(name: str, expected: str) -> None:
    form = format_of(Path("dir.json") / name)
    assert form is not None
    assert form.name == expected
    assert format_of(Path("x.txt")) is None


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"<p>\n\xe9</p>", "line 2: is not in UTF-8: has the byte 0xe9"),
        ("<p>x".encode("utf-16"), "is in UTF-16 or UTF-32, not in UTF-8"),
        (b" " * (MAX_BYTES + 1), "has 67,108,865 bytes; allowed: at most 67,108,864"),
        (b"<p>\n<p>" + b"a" * 4_000_001, "line 2: has a text of 4,000,001 bytes"),
    ],
)
def test_what_cannot_be_read_or_sent_is_refused(content: bytes, problem: str) -> None:
    with pytest.raises(DocumentError) as caught:
        parse(content, FORMATS["html"], formats.Settings())
    assert str(caught.value).startswith(problem)


def test_a_lone_surrogate_of_json_is_refused_with_its_line() -> None:
    with pytest.raises(DocumentError, match="line 2: has the lone surrogate U\\+D83D"):
        read("json", '{\n"a": "x \\ud83d y"}')


def test_flowing_text_is_one_line_and_keeps_what_is_around_it() -> None:
    assert list(flowing("  a \n b\t")) == [Code("  ", " "), Text("a \n b", "a b"), Code("\t", " ")]
    assert list(flowing(" 12, ")) == [Code(" 12, ", " 12, ")]
    assert list(flowing("")) == []


def test_lines_are_translated_one_by_one() -> None:
    assert lines("a\n\n  b\n") == (
        Text("a", "a"), Code("\n\n  "), Text("b", "b"), Code("\n"),
    )  # fmt: skip


def test_places_are_told_by_their_line() -> None:
    at = Lines("a\nb\r\n\nc").at
    assert [at(0), at(1), at(2), at(5), at(6)] == [1, 1, 2, 3, 4]
