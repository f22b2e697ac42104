"""Translations through the engine are the same whichever library runs the graphs, and how."""

from pathlib import Path

import pytest

from dragoman_server.models.bundle import Bundle
from dragoman_server.runtime import runners as onnxruntime_runners
from dragoman_server.runtime.prepared import Runners
from dragoman_server.runtime.pytorch.graphs import Graphs
from dragoman_server.runtime.pytorch.loading import load_runners, recorded_runners
from dragoman_server.sequence import Completion
from tests.server.engine.stepping import translate_all
from tests.server.engine.test_device_engine import BEAMS, MAX_LENGTH, MAX_ROWS, requests
from tests.server.runtime.pytorch.models import CPU, FakeRecorder, shape_of

SHAPE = {"rows": MAX_ROWS, "capacity": MAX_LENGTH + 1}


def translate(bundle: Bundle, runners: Runners, beams: tuple[int, ...]) -> list[Completion]:
    runners.prepare[0]()
    return translate_all(runners.runners[0], bundle.manifest, requests(beams), max_rows=MAX_ROWS)


@pytest.fixture(scope="module", params=[(1,), BEAMS], ids=["greedy", "beams"])
def beams(request: pytest.FixtureRequest) -> tuple[int, ...]:
    chosen: tuple[int, ...] = request.param
    return chosen


@pytest.fixture(scope="module")
def expected(float32_bundle: Path, beams: tuple[int, ...]) -> list[Completion]:
    bundle = Bundle.load(float32_bundle)
    shape = shape_of(bundle, **SHAPE)
    runners = onnxruntime_runners.load_runners(bundle, "cpu", lambda _: shape, cores=1, engines=1)
    return translate(bundle, runners, beams)


@pytest.mark.parametrize("kind", ["torchscript", "pt2", "fixed", "recorded"])
def test_they_are_those_of_onnxruntime(
    torchscript: tuple[Bundle, Graphs],
    pt2: tuple[Bundle, Graphs],
    expected: list[Completion],
    beams: tuple[int, ...],
    kind: str,
) -> None:
    bundle, graphs = pt2 if kind == "pt2" else torchscript
    shape = shape_of(bundle, **SHAPE)
    runners = (
        recorded_runners(bundle, graphs, shape, [FakeRecorder()], CPU)
        if kind == "recorded"
        else load_runners(bundle, "cpu", lambda _: shape, cores=1, fixed_shapes=kind == "fixed")
    )
    found = translate(bundle, runners, beams)
    assert [c[:2] for c in found] == [c[:2] for c in expected]
    scores = [completion.score for completion in expected]
    assert [completion.score for completion in found] == pytest.approx(scores, abs=1e-4)
    assert len({tuple(completion.token_ids) for completion in found}) > 10
