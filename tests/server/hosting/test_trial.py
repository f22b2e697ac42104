"""A trial runs whole engines, and leaves their runners as good as new."""

from dragoman_server.hosting.trial import ROWS, TOKENS, rows_per_second
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
