import re

import pysubs2
import pytest
import webvtt
from hypothesis import given, settings
from hypothesis import strategies as st

from dragoman.documents.document import DocumentError
from dragoman.documents.wrapping import LINE_LENGTH, wrapped
from tests.clients.documents.reading import check_identity, louder, read, words, written

TAG = re.compile(r"(<[^>]*>)")
LINES = st.lists(
    st.lists(st.sampled_from(["one", "two", "<i>", "</i>", "é", "-", "12", "&amp;"]), min_size=1)
    .map(" ".join)
    .filter(lambda line: not line.isdecimal()),
    min_size=1,
    max_size=3,
)
CUES = st.lists(LINES, min_size=1, max_size=5)


def subrip(cues: list[list[str]], end: str) -> str:
    return f"{end}{end}".join(
        end.join([f"{number}", f"00:00:{number:02},000 --> 00:00:{number:02},900", *lines])
        for number, lines in enumerate(cues, start=1)
    )


def longer(text: str) -> str:
    return f"{text.upper()} <b> & a good deal more than it had before --> 7"


@given(CUES, st.sampled_from(["\n", "\r\n"]))
@settings(max_examples=100, deadline=None)
def test_cues_of_subrip_keep_times_tags_and_lines(cues: list[list[str]], end: str) -> None:
    content = subrip(cues, end)
    result = written(check_identity("srt", content), longer)
    before = pysubs2.SSAFile.from_string(content, format_="srt", keep_html_tags=True)
    after = pysubs2.SSAFile.from_string(result, format_="srt", keep_html_tags=True)
    assert [(each.start, each.end) for each in after] == [(each.start, each.end) for each in before]
    for old, new in zip(before, after, strict=True):
        assert new.text.count("\\N") <= old.text.count("\\N")
        assert [tag for tag in TAG.findall(new.text) if "b" not in tag] == TAG.findall(old.text)


@given(CUES, st.sampled_from(["\n", "\r\n"]))
@settings(max_examples=100, deadline=None)
def test_cues_of_webvtt_keep_times_tags_and_lines(cues: list[list[str]], end: str) -> None:
    content = f"WEBVTT{end}{end}" + subrip(cues, end).replace(",", ".")
    result = written(check_identity("vtt", content), longer)
    before, after = webvtt.from_string(content), webvtt.from_string(result)
    assert [(each.start, each.end) for each in after] == [(each.start, each.end) for each in before]
    for old, new in zip(before, after, strict=True):
        assert len(new.lines) <= len(old.lines)
        assert TAG.findall(new.raw_text) == TAG.findall(old.raw_text)


def test_a_cue_is_one_text_and_goes_on_as_many_lines() -> None:
    content = (
        "7\r\n00:00:01,000 --> 00:00:02,000 X1:1\r\n{\\an8}<i>We have been waiting here\r\n"
        "for two hours.</i>\r\n\r\n8\r\n00:00:03,000 --> 00:00:04,000\r\nNo.\r\n"
    )
    document = read("srt", content)
    assert words(document) == ["We have been waiting here for two hours.", "No."]
    assert [(each.id, each.line) for each in document.messages] == [("7", 3), ("8", 8)]
    translations = [
        '<x id="0"/><g id="1">Wir warten hier nun schon seit mehr als zwei Stunden.</g>',
        "Nein.",
    ]
    assert document.write(translations).content.decode() == (
        "7\r\n00:00:01,000 --> 00:00:02,000 X1:1\r\n{\\an8}<i>Wir warten hier nun schon\r\n"
        "seit mehr als zwei Stunden.</i>\r\n\r\n8\r\n00:00:03,000 --> 00:00:04,000\r\nNein.\r\n"
    )


def test_what_two_people_say_stays_on_two_lines() -> None:
    content = "1\n00:00:01,000 --> 00:00:02,000\n- Hi.\n-<i>And you?</i>\n"
    document = read("srt", content)
    assert words(document) == ["Hi.", "And you?"]
    assert written(document, louder).endswith("\n- HI.\n-<i>AND YOU?</i>\n")


def test_text_after_an_empty_line_is_of_the_same_cue() -> None:
    content = (
        "1\n00:00:01,000 --> 00:00:02,000\none\n\nmore\n\n2\n00:00:03,000 --> 00:00:04,000\nx\n"
    )
    assert words(read("srt", content)) == ["one", "more", "x"]


def test_headers_notes_styles_and_names_of_webvtt_stay() -> None:
    content = (
        "WEBVTT Title\nKind: captions\n\nNOTE\nnot this\n\nSTYLE\n::cue { color: red }\n\n"
        "intro\n00:01.000 --> 00:02.000 line:0\n<v Ann>fish &amp; chips <00:01.500>now\n"
    )
    document = read("vtt", content)
    assert words(document) == ["fish & chips", "now"]
    assert written(document, louder) == content.replace("fish", "FISH").replace(
        "chips", "CHIPS"
    ).replace("now", "NOW")


@given(
    st.lists(st.text("ab<>", min_size=1, max_size=60), min_size=1, max_size=20).map(" ".join),
    st.integers(1, 4),
)
@settings(max_examples=200, deadline=None)
def test_wrapping_only_moves_line_breaks(text: str, most: int) -> None:
    lines = wrapped(text, TAG, most_lines=most, line_end="\n").split("\n")
    assert " ".join(lines) == text
    assert len(lines) <= most
    if len(TAG.sub("", text)) <= LINE_LENGTH:
        assert len(lines) == 1


def test_lines_are_of_like_length_and_short_where_they_can_be() -> None:
    text = "a first line that would be full and then there is little"
    assert wrapped(text, TAG, most_lines=3, line_end="|") == (
        "a first line that would be|full and then there is little"
    )
    assert wrapped("x" * 90, TAG, most_lines=2, line_end="|") == "x" * 90


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("srt", "Hello\n", "line 1: is not SubRip: no line is like"),
        (
            "srt",
            "1\n00:00:01 -> x\n\n2\n0:1 --> 0:2\n",
            "line 5: has -->, but not between two times",
        ),
        ("vtt", "1\n00:01.000 --> 00:02.000\n", "line 1: is not WebVTT"),
        ("vtt", "WEBVTT\n\n00:01,000 --> 00:02,000\nx\n", "line 3: has -->, but not between"),
    ],
)
def test_what_are_no_subtitles_is_refused_with_its_line(
    name: str, content: str, problem: str
) -> None:
    with pytest.raises(DocumentError) as caught:
        read(name, content)
    assert str(caught.value).startswith(problem)
