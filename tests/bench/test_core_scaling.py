"""Which engines are measured, and what the table makes of the runs."""

import functools
from pathlib import Path

import pytest

from dragoman_server.sequence import TranslationOptions
from tests.bench.core_report import engine_counts, lines
from tests.bench.core_scaling import settings
from tests.gpu import scaling
from tests.gpu.carried import CarriedBundle, Workload
from tests.gpu.core_engines import System, hosted, on_cores
from tests.gpu.scaling import measured

OPTIONS = TranslationOptions(20, return_scores=False)
"""The tiny model has 64 positions."""


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
    speeds = {(1, "threads"): [100.0], (2, "threads"): [150.0, 130.0, 200.0]}
    assert [tuple(line) for line in lines(speeds)] == [
        ("1", "threads", "100 (100 to 100)", "1.00"),
        ("2", "threads", "150 (130 to 200)", "0.75"),
    ]


@pytest.mark.parametrize("system", ["threads", "processes"])
async def test_engines_of_a_bare_machine_translate_wherever_they_are(
    float32_bundle: Path, monkeypatch: pytest.MonkeyPatch, system: System
) -> None:
    monkeypatch.setenv("PYTHONPATH", "")
    sources = [[number, number + 1, 0] for number in range(3, 33)]
    engine = on_cores(functools.partial(hosted, float32_bundle, "onnx", 3), 2, system)
    alone = on_cores(functools.partial(hosted, float32_bundle, "onnx", 3), 1, "threads")
    assert engine.engine_count == 2
    said = []
    for each in (engine, alone):
        await each.start()
        said.append([(await future).token_ids for future in each.submit(sources, OPTIONS)])
        await each.close()
    assert said[0] == said[1]


def test_on_a_bare_machine_one_engine_of_each_kind_is_measured_however_short_the_time(
    float32_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", "")
    monkeypatch.setattr(scaling, "OPTIONS", OPTIONS)
    monkeypatch.setattr(CarriedBundle, "path", float32_bundle)
    workload = Workload([[3, 4, 0], [5, 0]], {}, [])
    speeds = measured(CarriedBundle("onnx", "int8"), workload, runs=3, seconds=0)
    assert sorted(speeds) == [(1, "processes"), (1, "threads")]
    assert all(speed > 0 for runs in speeds.values() for speed in runs)
