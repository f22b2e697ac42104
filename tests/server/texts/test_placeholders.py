"""What no translator may touch is found, and nothing else; in time that grows with the text."""

import time

import pytest

from dragoman_server.texts import find_placeholders


def found(text: str) -> list[str]:
    return [text[start:end] for start, end, _ in find_placeholders(text)]


@pytest.mark.parametrize(
    "placeholder",
    [
        *("%s", "%d", "%1$s", "%.2f", "%-10s", "%05d", "%ld", "%@", "%%", "%(name)s", "%(n)05d"),
        *("{}", "{0}", "{name}", "{user.name}", "{0:.2f}", "{x!r}", "{ name }", "{n, number}"),
        *("{{x}}", "{{ user.name | upper }}", "${path}", "#{x}", "%{count}", "%n", "%1", "%L2"),
        "{count, plural, one {# file} other {# files of {owner}}}",
        "{sex, select, male {he} other {they}}",
        *("https://example.org/a?b=1&c=2", "www.example.org/{id}", "jane.doe+x@mail.example.org"),
        *("`make test`", "``a ` b``", "```\ncode\n```"),
        *('<x id="1"/>', "<b>", "</b>", '<g id="2" text="a>b">', "<br />", "<x:y a='1' b>"),
    ],
)
def test_it_is_found_whole_wherever_it_stands(placeholder: str) -> None:
    for text in (placeholder, f"Open {placeholder} now.", f"({placeholder}),"):
        assert found(text) == [placeholder]


@pytest.mark.parametrize(
    "text",
    [
        *(
            "100 % sure",
            "100%sure",
            "50% off",
            "5%.",
            "a < b and c > d",
            "3<4",
            "I {love it",
            "it costs 3 $",
        ),
        *("me@home", "an `open span", "{a, plural, never closed {", "x}", "& so on", "1:2", "#tag"),
    ],
)
def test_what_only_looks_like_one_is_left_alone(text: str) -> None:
    assert found(text) == []


def test_what_ends_a_sentence_is_no_part_of_an_address() -> None:
    assert found("See https://example.org/a. (Or www.example.org)!") == [
        "https://example.org/a",
        "www.example.org",
    ]


def test_a_unit_may_follow_a_number() -> None:
    assert found("%dpx by %1$skm") == ["%d", "%1$s"]


def test_tags_are_told_apart() -> None:
    assert [tag for _, _, tag in find_placeholders("<b>%s</b>")] == [True, False, True]


@pytest.mark.parametrize(
    "piece",
    [
        *("`", "{", "}", "{a,plural,", "<a ", '<a b="c', "<a x=", "%", "%(", "%(a", "a@", "a."),
        *("{{a", "www.", "{ ", "_", "`a\n", "-", "<a x ", "a@b.", "${", "<", "=", "https://", "[a"),
    ],
)
def test_time_grows_with_the_text_alone(piece: str) -> None:
    text = (piece * 30_000)[:30_000]
    started = time.process_time()
    find_placeholders(text)
    assert time.process_time() - started < 1  # it is 0.02; what grows with the square takes 10
