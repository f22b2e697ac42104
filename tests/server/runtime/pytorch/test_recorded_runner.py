"""Recorded steps: which, when, from what memory; what they refuse; what they say, on the CPU."""

from typing import Any

import numpy as np
import pytest

from dragoman_server.models.bundle import Bundle
from dragoman_server.runtime.pytorch.graphs import Graphs
from dragoman_server.runtime.pytorch.recorded_runner import (
    CANDIDATES,
    RecordedRunner,
    Vocabularies,
    live_positions,
)
from dragoman_server.search.candidates import Candidates
from tests.server.runtime.pytorch.models import CPU, FakeRecorder, Loaded, recorded, shape_of
from tests.server.runtime.rows import SOURCES, Rows

VOCABULARY = 50


@pytest.fixture
def recorder() -> FakeRecorder:
    return FakeRecorder()


def made(
    torchscript: tuple[Bundle, Graphs], recorder: FakeRecorder, **settings: Any
) -> RecordedRunner:
    """Of 20 rows and 70 positions, which are recorded for 6 numbers of rows and 2 of positions."""
    bundle, graphs = torchscript
    shape = shape_of(bundle, rows=20, capacity=70)
    vocabularies = Vocabularies(VOCABULARY, VOCABULARY)
    return RecordedRunner(graphs, shape, vocabularies, recorder, device=CPU, **settings)


@pytest.fixture
def runner(torchscript: tuple[Bundle, Graphs], recorder: FakeRecorder) -> RecordedRunner:
    warm = made(torchscript, recorder)
    warm.warm_up(0)
    return warm


def decode(runner: RecordedRunner, rows: int, **changes: Any) -> Candidates:
    inputs: dict[str, Any] = {
        "token_ids": np.arange(rows) + 1,
        "positions": np.full(rows, 2, np.int32),
        "source_last": np.full(rows, 3, np.int32),
        "candidate_count": 2,
        "with_normalizers": True,
    } | changes
    return runner.decode(**inputs)


def test_every_step_is_recorded_once_after_the_thread_has_started_the_largest_first(
    runner: RecordedRunner, recorder: FakeRecorder
) -> None:
    assert recorder.log == [
        "staging", "staging", "start", *(f"record {number}" for number in range(12)), "wait",
    ]  # fmt: skip
    assert list(runner._steps) == [
        (rows, live) for rows in (20, 16, 8, 4, 2, 1) for live in (80, 64)
    ]


def test_a_step_is_the_smallest_that_holds_it_and_its_outcome_is_waited_for(
    runner: RecordedRunner, recorder: FakeRecorder
) -> None:
    for rows, last, recording in ((1, 3, 11), (3, 3, 7), (4, 3, 7), (17, 3, 1), (20, 64, 0)):
        del recorder.log[:]
        decode(runner, rows, source_last=np.full(rows, last, np.int32))
        assert recorder.log == [f"replay {recording}", "wait"]


def test_with_fixed_shapes_there_is_one_step(
    torchscript: tuple[Bundle, Graphs], recorder: FakeRecorder
) -> None:
    runner = made(torchscript, recorder, fixed_shapes=True)
    runner.warm_up(0)
    assert list(runner._steps) == [(20, 80)]
    assert decode(runner, 3).ids.shape == (3, 2)


def test_rows_that_nobody_holds_are_fed_zeros(runner: RecordedRunner) -> None:
    decode(runner, 4)
    decode(runner, 3)
    sent = runner._memory._sent[:12].reshape(3, 4).tolist()
    assert sent == [[1, 2, 3, 0], [2, 2, 2, 0], [3, 3, 3, 0]]


def test_rows_are_what_they_are_in_any_recording(torchscript: tuple[Bundle, Graphs]) -> None:
    loaded = Loaded(*torchscript, recorded)
    crowd = Rows(loaded, SOURCES)
    steps = [crowd.step() for _ in range(5)]
    for row, source in enumerate(SOURCES):
        alone = Rows(loaded, [source])
        for together in steps:
            found = alone.step()
            assert np.array_equal(found.ids[0], together.ids[row])
            np.testing.assert_allclose(found.logits[0], together.logits[row], rtol=1e-5)


def test_what_comes_is_log_probabilities_of_the_vocabulary_alone(runner: RecordedRunner) -> None:
    runner.encode([[3, 0]], 0)
    found = decode(runner, 1, candidate_count=CANDIDATES, wanted_ids=np.arange(VOCABULARY))
    assert found.ids.max() < VOCABULARY
    assert found.wanted_logits is not None
    np.testing.assert_allclose(np.exp(found.wanted_logits).sum(axis=1), 1, rtol=1e-4)
    assert not found.log_normalizers.any()


def test_more_candidates_than_come_to_the_host_are_refused(runner: RecordedRunner) -> None:
    with pytest.raises(ValueError, match="34 candidates are wanted; allowed: at most 33"):
        decode(runner, 2, candidate_count=CANDIDATES + 1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"token_ids": np.array([0, VOCABULARY])}, r"up to \[50, 2, 3\]; allowed: .*\[50, 70, 70"),
        ({"token_ids": np.array([0, -1])}, "from -1"),
        ({"positions": np.array([0, 70], np.int32)}, r"up to \[2, 70, 3\]"),
        ({"source_last": np.array([70, 0], np.int32)}, r"up to \[2, 2, 70\]"),
        ({"wanted_ids": np.array([1, VOCABULARY])}, "wanted tokens are 1 to 50; allowed: 0 to 49"),
    ],
)
def test_what_is_out_of_range_does_not_reach_the_device(
    runner: RecordedRunner, recorder: FakeRecorder, changes: dict[str, Any], message: str
) -> None:
    del recorder.log[:]
    with pytest.raises(ValueError, match=message):
        decode(runner, 2, **changes)
    assert not recorder.log


@pytest.mark.parametrize(
    ("sentence", "message"),
    [
        ([1] * 71, "of up to 71 tokens, 0 to 1; allowed: up to 70 tokens, 0 to 49"),
        ([VOCABULARY], "tokens, 0 to 50; allowed"),
        ([-1], "tokens, -1 to 0; allowed"),
    ],
)
def test_nor_does_such_a_sentence(
    runner: RecordedRunner, sentence: list[int], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        runner.encode([[0], sentence], 0)


@pytest.mark.parametrize(
    ("capacity", "expected"),
    [(32, [32]), (64, [64]), (80, [64, 80]), (512, [64, 256, 512]), (2048, [64, 256, 1024, 2048])],
)
def test_numbers_of_positions_end_with_all_of_them(capacity: int, expected: list[int]) -> None:
    assert live_positions(capacity) == expected
