import pytest

from dragoman_server.texts.lines import has_lines, has_marker, one_line, stretches


def lines(text: str) -> list[str]:
    return [text[begin:end] for begin, end in stretches(text)]


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r", "\n\n \t\n"])
def test_each_line_is_by_itself(line_end: str) -> None:
    text = line_end.join(["Roses are red,", "violets are blue,", "sugar is sweet"])
    assert lines(text) == ["Roses are red,", "violets are blue,", "sugar is sweet"]


def test_indentation_and_white_space_at_the_ends_are_no_part_of_a_line() -> None:
    assert lines("\n\t One \n\n  \n Two\t\n") == ["One", "Two"]
    assert lines("") == lines(" \n\t\r\n ") == []


@pytest.mark.parametrize(
    "marker", ["- ", "* ", "• ", "1. ", "12) ", "(a) ", "b)  ", "> ", "## ", "– ", "> - ", "1.\t"]
)
def test_list_markers_are_no_part_of_a_line(marker: str) -> None:
    assert lines(f"Buy:\n  {marker}apples") == ["Buy:", "apples"]


@pytest.mark.parametrize(
    "text", ["-5 degrees", "1.5 litres", "2014 was good", "*this* one", "A. B"]
)
def test_what_only_looks_like_a_marker_stays(text: str) -> None:
    assert lines(text) == [text]


@pytest.mark.parametrize("text", ["- a", " * a", "•\ta", "(a) b", "b)  c", "12) a", "> a", "## a"])
def test_one_line_may_begin_as_an_item_of_a_list_does(text: str) -> None:
    assert has_marker(text)


@pytest.mark.parametrize("text", ["3. Oktober", "-5 degrees", "- ", "a", "*this* one", "I am", "("])
def test_what_may_be_a_sentence_does_not(text: str) -> None:
    assert not has_marker(text)


WRAPPED = """It was a dark and stormy night; the rain fell in
torrents, except at occasional intervals, when it
was checked by a violent gust. I said so to John
Smith."""


def test_prose_that_was_wrapped_is_one_stretch() -> None:
    assert lines(f"A title\n\n  {WRAPPED}\n\nThe end") == ["A title", WRAPPED, "The end"]


def test_a_wrapped_item_of_a_list_is_one_stretch() -> None:
    item = "the rain fell in torrents, except at some\n  intervals, when it was checked"
    assert lines(f"- {item}\n- apples") == [item, "apples"]


def test_lines_that_had_room_for_the_next_word_were_not_wrapped() -> None:
    text = "this line is long enough to be one of wrapped prose\nshort\nand so is this one, it is"
    assert lines(text) == text.split("\n")


def test_lines_that_begin_with_capitals_were_not_wrapped() -> None:
    text = (
        "Shall I compare thee to a summer's day, or so?\nThou art more lovely and more temperate:"
    )
    assert lines(text) == text.split("\n")


def test_short_lines_were_not_wrapped() -> None:
    assert lines("apples\npears\nplums") == ["apples", "pears", "plums"]


def test_a_text_has_lines_where_a_break_is_between_words() -> None:
    assert has_lines("a\nb")
    assert has_lines("a\r\n\r\nb")
    assert not has_lines(" \n a\u2028b\x85\x0c \n")
    assert not has_lines("")


def test_one_line_has_as_many_code_points() -> None:
    assert one_line("a\r\nb\nc") == "a  b c"
