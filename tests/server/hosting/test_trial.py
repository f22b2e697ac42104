"""A trial runs whole engines, leaves their runners as good as new, and ends with what fails."""

from typing import Any

import pytest

from dragoman_server.errors import BackendError
from dragoman_server.hosting.trial import ROWS, TOKENS, rows_per_second
from dragoman_server.search.candidates import Candidates
from dragoman_server.search.search import Search
from tests.server.engine.fakes import END_ID, START_ID, FakeRunner


def make_search() -> Search:
    return Search(max_rows=ROWS, max_length=100, decoder_start_id=START_ID, end_id=END_ID)


def test_each_engine_decodes_as_many_rows_as_it_has() -> None:
    runners = [FakeRunner(4), FakeRunner(4)]
    speed = rows_per_second(runners, make_search, rows=4, token_id=7, seconds=0.05)
    steps = [len(runner.rows_per_step) for runner in runners]
    assert min(steps) > TOKENS  # what is not counted comes first
    assert {rows for runner in runners for rows in runner.rows_per_step} == {4}
    assert 0 < speed <= 4 * sum(steps) / 0.05
    assert all(min(runner.encoded_per_step) > 4 for runner in runners)


def test_an_engine_that_gets_no_processor_for_so_long_has_a_speed_all_the_same() -> None:
    runners = [FakeRunner(4), FakeRunner(4)]
    rows_per_second(runners, make_search, rows=4, token_id=7, seconds=0.0)
    assert min(len(runner.rows_per_step) for runner in runners) > TOKENS


class FailingRunner(FakeRunner):
    """Encodes, and fails every step after so many."""

    def __init__(self, rows: int, steps: int) -> None:
        super().__init__(rows)
        self.steps = steps

    def decode(self, *arguments: Any, **options: Any) -> Candidates:
        if len(self.rows_per_step) >= self.steps:
            raise RuntimeError("no step")
        return super().decode(*arguments, **options)


@pytest.mark.parametrize("steps", [0, 2 * TOKENS], ids=["from the first step on", "later"])
def test_it_ends_with_the_error_of_an_engine_that_fails(steps: int) -> None:
    runners = [FakeRunner(4), FailingRunner(4, steps)]
    with pytest.raises(BackendError, match="translating failed"):
        rows_per_second(runners, make_search, rows=4, token_id=7, seconds=30)
