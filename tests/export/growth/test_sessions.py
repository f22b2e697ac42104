from pathlib import Path
from typing import Any

import pytest

from dragoman_export.errors import UsageError
from dragoman_export.growth import sessions
from dragoman_export.growth.bundle import MeasuredBundle
from dragoman_export.growth.sessions import ProfiledGraph, TimedGraph, attention_shares


def run(begin: int, duration: int) -> dict[str, Any]:
    return {"cat": "Session", "name": "model_run", "ts": begin, "dur": duration}


def node(begin: int, duration: int, operator: str) -> dict[str, Any]:
    arguments = {"op_name": operator}
    return {
        "cat": "Node",
        "name": "a_kernel_time",
        "ts": begin,
        "dur": duration,
        "args": arguments,
    }


def test_attention_has_a_share_of_each_run() -> None:
    events = [
        {"cat": "Session", "name": "model_loading_uri", "ts": 0, "dur": 5},
        node(10, 30, "Gemm"),
        node(40, 10, "GroupQueryAttention"),
        {"cat": "Node", "name": "a_fence_before", "ts": 41, "dur": 9},
        run(9, 45),
        node(60, 20, "GroupQueryAttention"),
        node(80, 20, "Gemm"),
        run(59, 45),
        run(200, 1),
    ]
    assert list(attention_shares(events)) == [0.25, 0.5, 0.0]


def test_runs_may_be_told_before_their_nodes() -> None:
    events = [run(9, 45), node(10, 30, "Gemm"), node(40, 10, "GroupQueryAttention")]
    assert list(attention_shares(events)) == [0.25]


def test_the_profile_of_a_bundle_has_attention_in_every_run(bundle: Path, tmp_path: Path) -> None:
    measured = MeasuredBundle.read(bundle)
    profiled = ProfiledGraph(measured.encoder, 1, tmp_path)
    for length in (24, 48, 32):
        profiled.run(measured.inputs(length))
    shares = profiled.shares()
    assert len(shares) == 3
    assert all(0 < share < 1 for share in shares)


def test_an_encoder_is_timed(float32_bundle: Path) -> None:
    measured = MeasuredBundle.read(float32_bundle)
    assert TimedGraph(measured.encoder, 1).seconds(measured.inputs(4), at_least=0.0) > 0


@pytest.mark.parametrize(("at_least", "runs"), [(0.0, 1), (0.5, 1), (2.0, 2), (2.1, 3)])
def test_runs_are_repeated_until_they_take_long_enough(
    at_least: float, runs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[int] = []
    monkeypatch.setattr(sessions, "perf_counter", lambda: float(len(done)))
    assert sessions.median_seconds(lambda: done.append(1), at_least) == 1.0
    assert len(done) == runs


def test_what_is_no_graph_is_told(tmp_path: Path) -> None:
    (tmp_path / "encoder.onnx").write_bytes(b"no graph")
    with pytest.raises(UsageError, match="onnxruntime cannot load the graph"):
        TimedGraph(tmp_path / "encoder.onnx", 1)
