"""Runs of tokens that say the same again."""

import random
import time

import pytest

from dragoman_server.quality import Run, longest_run, monotonous, repeated
from dragoman_server.quality.repetition import WINDOW


@pytest.mark.parametrize(
    ("tokens", "run"),
    [
        ([], None),
        ([1, 2, 3], None),
        ([1, 2, 1, 3], None),
        ([9, 5, 5, 5, 8], Run(1, 1, 3)),
        ([9, 1, 2, 3, 1, 2, 3, 1, 2], Run(1, 3, 8)),
        ([1, 2, 1, 3, 4, 5, 2, 1, 3, 4, 5, 2, 1, 3, 4, 5, 7], Run(1, 5, 15)),
    ],
)
def test_the_longest_run_is_found(tokens: list[int], run: Run | None) -> None:
    assert longest_run(tokens) == run


@pytest.mark.parametrize(
    ("phrase", "times", "is_fault"),
    [
        ([1], 3, False),
        ([1], 4, True),
        ([1, 2], 2, False),
        ([1, 2, 3], 3, True),
        ([1, 2, 3, 4], 2, True),
        ([1, 2, 3, 4], 1, False),
    ],
)
def test_the_shorter_a_phrase_the_oftener_it_may_be_said(
    phrase: list[int], times: int, *, is_fault: bool
) -> None:
    found = repeated([8, *phrase * times, 9], [1, 2, 3])
    assert (found is not None) == is_fault
    if found is not None:
        assert (found.begin, found.period, found.times) == (1, len(phrase), times)


def test_what_the_source_repeats_as_often_is_no_fault() -> None:
    assert repeated([1] * 6, [7] * 6) is None
    assert repeated([1] * 12, [7] * 6) is not None
    assert repeated(list(range(20)) * 2, [5, 5, 6]) is not None, "a double letter excuses nothing"


def babble(different: int, length: int) -> list[int]:
    """Some tokens again and again, in an order of chance."""
    tokens = [-1 - number % different for number in range(length)]
    random.Random(7).shuffle(tokens)
    return tokens


def test_few_tokens_in_any_order_are_a_fault_unless_the_source_has_few() -> None:
    normal = list(range(100))
    assert monotonous(normal + babble(6, WINDOW) + normal, normal) == 6
    assert monotonous(babble(6, WINDOW - 1), normal) is None
    assert monotonous([*babble(20, 60), *normal], normal) is None
    assert monotonous(babble(6, 40), babble(8, 40)) is None
    assert monotonous(babble(6, 40), normal) == 6


def test_the_least_varied_part_is_found_wherever_it_is() -> None:
    for begin in (0, 1, 17, 60):
        tokens = [*range(begin), *[-1, -2, -3, -4] * 6, *range(begin, 60)]
        assert monotonous(tokens, range(60)) == 4


@pytest.mark.parametrize(
    "tokens",
    [list(range(500)) * 200, [1] * 100_000, [i * i % 997 for i in range(100_000)], [1, 2] * 50_000],
)
def test_time_is_linear(tokens: list[int]) -> None:
    began = time.process_time()
    longest_run(tokens)
    monotonous(tokens, tokens)
    assert time.process_time() - began < 2
