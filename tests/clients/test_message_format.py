"""Plurals and selects of ICU: their texts are found, and written so that they read the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.message_format import MAX_DEPTH, branches, read, syntax, written

NESTED = "{sex, select, male {{n, plural, =0 {He''s out} other{# of {name}}}} other { They. }}"

SPECIAL = st.text(st.sampled_from(["'", "{", "}", "#", "a", " ", "é"]), max_size=12)


def texts(message: str) -> list[str]:
    return [message[begin:end] for begin, end, _ in branches(message)]


def no_text(branch: str, *, has_number: bool = True) -> list[str]:
    return [branch[begin:end] for begin, end in syntax(branch, has_number=has_number)]


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("{count, plural, one {# file} other {# files}}", ["# file", "# files"]),
        ("\n{n,plural,offset:1\n =0{none}\n other{ # }\n}\n", ["none", "#"]),
        (NESTED, ["He''s out", "# of {name}", "They."]),
        ("{a, select, x {} other {To {n, plural, other {it}}}}", ["To {n, plural, other {it}}"]),
        ("{a, select, other {It '{is''} other {x' this}}", ["It '{is''} other {x' this"]),
    ],
)  # fmt: skip
def test_a_message_has_the_texts_of_its_branches(message: str, expected: list[str]) -> None:
    assert texts(message) == expected


@pytest.mark.parametrize(
    "message",
    [
        "",
        "{name}",
        "You have {n, plural, one {a} other {b}}",
        "{n, plural, one {a} other {b}}.",
        "{n, plural, one {a}}",
        "{n, plural, one {a} other {b}",
        "{n, plural, one a other {b}}",
        "{n, plural, one {a} other {b} more}",
        "{n, number, other {b}}",
        "{n, selectordinal, one {#st} other {#th}}",
        "{a, select, other {It is '{x}}",
        "{a, select, other {" * (MAX_DEPTH + 1) + "x" + "}}" * MAX_DEPTH,
    ],
)
def test_what_is_no_message_or_a_wrong_one_has_none(message: str) -> None:
    assert branches(message) == []


def test_what_is_too_deep_is_a_text_of_its_branch() -> None:
    message = "{a, select, other {" * (MAX_DEPTH + 1) + "x" + "}}" * (MAX_DEPTH + 1)
    assert texts(message) == ["{a, select, other {x}}"]


def test_a_number_sign_counts_in_plurals_alone() -> None:
    message = "{a, select, one {{n, plural, other {#}}} other {#}}"
    assert [branch.has_number for branch in branches(message)] == [True, False]
    assert no_text("# of {b, select, other {#}} '{#' it''s } '#'") == [
        "#",
        "{b, select, other {#}}",
        "'{#'",
        "'#'",
    ]
    assert no_text("# of {b}", has_number=False) == ["{b}"]


@given(SPECIAL, st.booleans())
def test_text_that_is_written_is_text_and_reads_the_same(text: str, has_number: bool) -> None:
    kind = "plural" if has_number else "select"
    message = f"{{n, {kind}, other {{x{written(text, has_number=has_number)}x}}}}"
    ((begin, end, _),) = branches(message)
    branch = message[begin:end]
    assert spoken(branch, has_number=has_number) == f"x{text}x"


def spoken(branch: str, *, has_number: bool) -> str:
    """What ICU shows of a branch without arguments."""
    shown = []
    position = 0
    for begin, end in [*syntax(branch, has_number=has_number), (len(branch), len(branch))]:
        quoted = branch[begin:end]
        assert quoted == "" or (quoted[0] == quoted[-1] == "'" and len(quoted) > 2)
        shown += [read(branch[position:begin]), read(quoted[1:-1])]
        position = end
    return "".join(shown)
