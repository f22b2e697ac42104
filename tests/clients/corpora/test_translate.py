import pytest

from dragoman.commands.lines import Line
from dragoman.corpora.errors import JobError
from dragoman.corpora.storage.accounts import Problem, Tally, Warned
from dragoman.corpora.translate import MOST_SERVER_FAILURES, Translated, translate_lines
from dragoman.errors import DragomanError
from dragoman.options import Options
from tests.clients.corpora.stand_ins import ERRORS, Upper


def translated(*texts: str) -> Translated:
    return translate_lines([Line(text) for text in texts], 101, Upper(), Options())


def test_each_line_is_counted_once_and_has_its_line() -> None:
    lines = [Line(text) for text in ("a", "", "bad", "long", "c\u2028d", "broken", "huge")]
    lines.insert(2, Line("", "is not valid UTF-8"))
    done = translate_lines(lines, 101, Upper(), Options())
    assert done.output.decode() == "A\n\n\n\nLONG\nC\u2028D\n\n\n"
    assert done.tally == Tally(8, translated=2, empty=1, cut=1, failed=4)
    assert done.tally.adds_up
    assert done.problems == (
        Problem(103, "failed", "is not valid UTF-8"),
        Problem(104, "failed", "content is not allowed here"),
        Problem(105, "cut", "cut after 4 target tokens"),
        Problem(107, "failed", "the server failed"),
        Problem(108, "failed", "texts[3] is not allowed here"),
    )


def test_warnings_are_told_with_their_lines_and_lines_are_counted_once() -> None:
    done = translated("a", "lost", "bad", "lost")
    assert done.tally == Tally(4, translated=3, failed=1, warnings={"PLACEHOLDER_MOVED": 2})
    warned = [Warned(line, "PLACEHOLDER_MOVED", "{x} was lost") for line in (102, 104)]
    assert done.warnings == (warned[0], warned[0], warned[1], warned[1])


@pytest.mark.parametrize("word", ["options", "model", "away"])
def test_what_is_wrong_with_all_lines_is_no_lines_failure(word: str) -> None:
    with pytest.raises(DragomanError) as caught:
        translated("a", word, "b")
    assert caught.value is ERRORS[word]


def test_a_server_that_fails_again_and_again_stops_the_job() -> None:
    most = ["broken"] * MOST_SERVER_FAILURES
    assert translated(*most, "a").tally.failed == MOST_SERVER_FAILURES
    with pytest.raises(JobError, match="101 lines failed, at last line 201: the server failed"):
        translated(*most, "broken")


def test_lines_that_are_wrong_themselves_never_stop_the_job() -> None:
    count = MOST_SERVER_FAILURES + 1
    assert translated(*["bad"] * count).tally == Tally(count, failed=count)


def test_a_seed_is_that_of_the_line() -> None:
    upper = Upper()
    for seed in (None, 5, 2**63 - 1):
        translate_lines([Line("a")], 101, upper, Options(seed=seed))
    assert [options.seed for options in upper.options] == [None, 105, -(2**63) + 99]
