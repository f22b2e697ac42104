"""Runners of PyTorch's graphs: rows are independent to the last bit, moves lose nothing."""

import random
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

from dragoman_server.models.bundle import Bundle
from dragoman_server.runtime import kv_cache, packing
from dragoman_server.runtime.pytorch import runner as runner_module
from dragoman_server.runtime.pytorch.graphs import Graphs
from dragoman_server.runtime.pytorch.runner import TorchRunner
from dragoman_server.search.candidates import Candidates
from dragoman_server.search.rows import Move, RowCopies
from tests.server.runtime.pytorch.models import (
    Loaded,
    Make,
    in_fixed_shapes,
    on_cpu,
    recorded,
    shape_of,
)
from tests.server.runtime.rows import SOURCES, Rows, same

KINDS: dict[str, tuple[str, Make]] = {
    "torchscript": ("torchscript", on_cpu),
    "pt2": ("pt2", on_cpu),
    "fixed": ("torchscript", in_fixed_shapes),
    "recorded": ("torchscript", recorded),
}


@pytest.fixture(scope="module", params=["torchscript", "pt2", "fixed"])
def loaded(request: pytest.FixtureRequest) -> Loaded:
    """Runners whose rows do not depend on their neighbours."""
    return load(request, request.param)


@pytest.fixture(scope="module", params=KINDS)
def any_loaded(request: pytest.FixtureRequest) -> Loaded:
    return load(request, request.param)


def load(request: pytest.FixtureRequest, kind: str) -> Loaded:
    fixture, make = KINDS[kind]
    bundle, graphs = request.getfixturevalue(fixture)
    return Loaded(bundle, graphs, make)


def test_a_row_is_the_same_alone_and_in_a_crowd(loaded: Loaded) -> None:
    crowd = Rows(loaded, SOURCES)
    steps = [crowd.step() for _ in range(5)]
    for row, source in enumerate(SOURCES):
        alone = Rows(loaded, [source])
        assert all(same(alone.step(), together, row) for together in steps)


class Followed(NamedTuple):
    """A sentence that is decoded among others: its row now, and all that was said of it."""

    source: list[int]
    row: int
    steps: list[Candidates]


def test_a_row_is_the_same_whoever_joins_and_leaves(loaded: Loaded) -> None:
    """Random neighbours of all lengths, each of which is followed from its first step to its
    last."""
    dice = random.Random(7)
    runner = loaded.runner()
    rows: list[Followed] = []
    left: list[Followed] = []
    inputs = np.zeros((3, 0), np.int64)  # token, position and source_last of each row
    for _ in range(60):
        newcomers = [
            [*(dice.randrange(2, 60) for _ in range(dice.choice((0, 1, 2, 5, 15, 40)))), 0]
            for _ in range(dice.randrange(0, 19 - len(rows)) if len(rows) < 9 else 0)
        ]
        if newcomers:
            runner.encode(newcomers, len(rows))
            rows += [Followed(ids, len(rows) + at, []) for at, ids in enumerate(newcomers)]
            new = [[loaded.start_id, 0, len(ids) - 1] for ids in newcomers]
            inputs = np.concatenate([inputs, np.array(new).T], axis=1)
        if not rows:
            continue
        found = decode(runner, inputs)
        for each in rows:
            each.steps.append(row_of(found, each.row))
        inputs[0], inputs[1] = found.ids[:, 0], inputs[1] + 1
        for row in sorted((row for row in range(len(rows)) if dice.random() < 0.1), reverse=True):
            left.append(rows[row])
            last = len(rows) - 1
            if row != last:
                _, length, source_last = inputs[:, last].tolist()
                runner.move([Move(last, row, length, source_last + 1)])
                inputs[:, row] = inputs[:, last]
                rows[row] = rows[last]._replace(row=row)
            rows.pop()
            inputs = inputs[:, :last]
    assert len(left) > 30
    for each in left:
        alone = Rows(loaded, [each.source])
        assert all(same(alone.step(), step, 0) for step in each.steps)


def decode(runner: Any, inputs: Any) -> Candidates:
    found: Candidates = runner.decode(
        inputs[0],
        inputs[1].astype(np.int32),
        inputs[2].astype(np.int32),
        candidate_count=3,
        with_normalizers=True,
    )
    return found


def row_of(found: Candidates, row: int) -> Candidates:
    at = slice(row, row + 1)
    return Candidates(
        found.ids[at].copy(), found.logits[at].copy(), found.log_normalizers[at].copy()
    )


def test_a_row_is_the_same_however_the_newcomers_are_divided(
    loaded: Loaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = Rows(loaded, SOURCES)
    expected = [together.step() for _ in range(5)]
    monkeypatch.setattr(packing, "MOST_PAIRS", 20)
    divided = Rows(loaded, SOURCES)
    for step in expected:
        assert np.array_equal(divided.step().logits, step.logits)


def test_a_source_that_several_have_is_encoded_once(any_loaded: Loaded) -> None:
    batches: list[int] = []

    def encoder(token_ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        batches.append(int(mask.sum()))
        return any_loaded.graphs.encoder(token_ids, mask)

    counted = any_loaded._replace(graphs=any_loaded.graphs._replace(encoder=encoder))
    runner = counted.runner()
    batches.clear()
    runner.encode([SOURCES[0]] * 8 + [SOURCES[2]] * 8, 0)
    assert sum(batches) == len(SOURCES[0]) + len(SOURCES[2])
    crowd = [Rows(any_loaded, [SOURCES[2]] * 3), Rows(any_loaded, [SOURCES[0], SOURCES[2]])]
    np.testing.assert_allclose(crowd[0].step().logits[2], crowd[1].step().logits[1], rtol=1e-5)


def test_a_row_is_the_same_whatever_room_there_is(
    torchscript: tuple[Bundle, Graphs], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows outgrow the cache's first layout, and newcomers' long sources do."""
    loaded = Loaded(*torchscript, on_cpu)
    few = Rows(loaded, SOURCES)
    expected = [few.step() for _ in range(40)]
    monkeypatch.setattr(kv_cache, "SMALLEST_CAPACITY", 16)
    monkeypatch.setattr(runner_module, "PATIENCE", 7)
    tight = Rows(loaded, SOURCES)
    for step in expected:
        assert np.array_equal(tight.step().logits, step.logits)


def test_room_that_only_a_long_text_needed_is_given_up(
    torchscript: tuple[Bundle, Graphs], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner_module, "PATIENCE", 7)
    runner = TorchRunner(torchscript[1], shape_of(torchscript[0]))
    runner.encode([[5] * 45, [0]], 0)
    assert cross_capacity(runner) == 64
    for position in range(8):  # the long one has left
        decode(runner, np.array([[3], [position], [0]]))
    assert cross_capacity(runner) == 32


def cross_capacity(runner: TorchRunner) -> int:
    capacity: int = runner._cache._cross.capacity
    return capacity


def test_newcomers_with_long_sources_leave_running_rows_alone(loaded: Loaded) -> None:
    alone, joined = Rows(loaded, SOURCES), Rows(loaded, SOURCES)
    for rows in (alone, joined):
        rows.step()
    joined.admit([[5] * 45, [0]])
    for _ in range(3):
        expected, found = alone.step(), joined.step()
        assert np.array_equal(found.logits[: len(SOURCES)], expected.logits)


def test_a_moved_row_goes_on_as_before(any_loaded: Loaded) -> None:
    still, moved = Rows(any_loaded, SOURCES), Rows(any_loaded, SOURCES)
    for rows in (still, moved):
        for _ in range(3):
            rows.step()
    moved.replace(0, 2)
    for _ in range(3):
        expected, found = still.step(), moved.step()
        assert np.array_equal(found.logits[0], expected.logits[2])
        assert np.array_equal(found.logits[1:], expected.logits[1:])


@pytest.mark.parametrize("beam_size", [2, 4, 14])
def test_rows_of_one_beam_go_on_as_the_row_that_they_come_from(
    any_loaded: Loaded, beam_size: int
) -> None:
    still, forked = Rows(any_loaded, SOURCES[:3]), Rows(any_loaded, SOURCES[:3])
    for rows in (still, forked):
        for _ in range(3):
            rows.step()
    forked.fork(2, beam_size - 1)
    for _ in range(3):
        expected, found = still.step(), forked.step()
        np.testing.assert_allclose(found.logits[:3], expected.logits, rtol=1e-5)
        assert (found.logits[3:] == found.logits[2]).all()


def test_a_row_that_takes_over_anothers_tokens_goes_on_as_that_one(any_loaded: Loaded) -> None:
    """Of a beam, whose rows have one source."""
    runner = any_loaded.runner()
    runner.encode([SOURCES[0]] * 2, 0)
    for position, tokens in enumerate(([3, 3], [4, 7], [5, 9])):
        found = decode(runner, np.array([tokens, [position] * 2, [3, 3]]))
    assert not np.array_equal(found.logits[0], found.logits[1])
    copied = RowCopies(np.array([0, 0]), np.array([1, 1]), np.array([1, 2]))
    runner.copy(copied)
    found = decode(runner, np.array([[6, 6], [3, 3], [3, 3]]))
    assert np.array_equal(found.logits[0], found.logits[1])


def test_fewer_candidates_are_the_beginning_of_more(any_loaded: Loaded) -> None:
    few, many = Rows(any_loaded, SOURCES).step(1), Rows(any_loaded, SOURCES).step(7)
    assert np.array_equal(few.ids, many.ids[:, :1])
    assert np.array_equal(few.logits, many.logits[:, :1])
    assert (np.diff(many.logits, axis=1) <= 0).all()


def test_normalizers_make_probabilities_and_are_left_out_when_unwanted(
    torchscript: tuple[Bundle, Graphs],
) -> None:
    loaded = Loaded(*torchscript, on_cpu)
    vocabulary = loaded.bundle.manifest.architecture.vocabulary_size
    whole = Rows(loaded, SOURCES).step(vocabulary)
    log_probs = whole.logits - whole.log_normalizers[:, None]
    np.testing.assert_allclose(np.exp(log_probs).sum(axis=1), 1, rtol=1e-4)
    assert not Rows(loaded, SOURCES).step(1, with_normalizers=False).log_normalizers.any()


def test_wanted_tokens_have_their_logits_whether_they_are_candidates_or_not(
    any_loaded: Loaded,
) -> None:
    runner = any_loaded.runner()
    runner.encode(SOURCES, 0)
    rows = np.zeros(len(SOURCES), np.int32)
    start = np.full(len(SOURCES), any_loaded.start_id)
    last = np.array([len(ids) - 1 for ids in SOURCES], np.int32)
    found = runner.decode(
        start, rows, last,
        candidate_count=33, with_normalizers=True, wanted_ids=np.arange(60),
    )  # fmt: skip
    assert found.wanted_logits is not None
    assert found.wanted_logits.shape == (len(SOURCES), 60)
    compared = 0
    for row, ids in enumerate(found.ids):
        for place, token in enumerate(ids.tolist()):
            if token < 60:
                assert found.wanted_logits[row, token] == found.logits[row, place]
                compared += 1
    assert compared > 20


def test_a_cache_that_has_no_room_for_a_few_rows_gets_it(
    torchscript: tuple[Bundle, Graphs],
) -> None:
    """A step takes four rows, however few there may be."""
    bundle, graphs = torchscript
    runner = TorchRunner(graphs, shape_of(bundle, rows=1, capacity=5))
    runner.encode([SOURCES[0]], 0)
    alone = Rows(Loaded(bundle, graphs, on_cpu), [SOURCES[0]]).step()
    found = decode(runner, np.array([[Loaded(bundle, graphs, on_cpu).start_id], [0], [3]]))
    assert np.array_equal(found.logits, alone.logits)
