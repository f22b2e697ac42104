"""Which engines are measured, and what the table makes of the runs."""

from pathlib import Path

import pytest

from tests.bench.core_scaling import engine_counts, lines, settings
from tests.bench.worker import Run


def _run(tokens: int) -> Run:
    return Run(2.0, 3.0, tokens, 10, 1, 100, 0)


@pytest.mark.parametrize(
    ("cores", "counts"), [(1, [1]), (2, [1, 2]), (6, [1, 2, 4, 6]), (16, [1, 2, 4, 8, 16])]
)
def test_engines_double_up_to_the_cores(cores: int, counts: list[int]) -> None:
    assert engine_counts(cores) == counts


def test_processes_are_as_many_as_engines_and_the_peer_is_there_only_where_it_is_given() -> None:
    alone = settings(Path("bundle"), "int8", None, 4)
    beside = settings(Path("bundle"), "int8", Path("converted"), 4)
    assert {name: each.engine_processes for name, each in alone.items()} == {
        "threads": 0,
        "processes": 4,
    }
    assert beside["CTranslate2"].model == Path("converted")
    assert {each.workers for each in beside.values()} == {4}


def test_scaling_is_of_so_many_times_one_of_the_same_kind() -> None:
    measured = {
        (1, "threads"): [_run(200)],
        (2, "threads"): [_run(300), _run(260), _run(400)],
    }
    assert [tuple(line) for line in lines(measured)] == [
        ("1", "threads", "100 (100 to 100)", "1.00"),
        ("2", "threads", "150 (130 to 200)", "0.75"),
    ]
