"""The reproductions of docs/upstream.md run, and what they compare computes the same."""

import sys

import numpy as np
import pytest

from examples.upstream import batch_scale, skip_layer_norm, step_attention


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> None:
    monkeypatch.setattr(sys, "argv", ["reproduction", *words])


def test_attention_is_timed_with_every_type_of_cache(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, "--rows", "2", "--heads", "1", "--positions", "3", "5", "--turns", "1",
        "--runs", "1")  # fmt: skip
    step_attention.main()
    _, *lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["positions", "3", "5"]
    for line in lines[1:]:
        times = [float(word) for word in line.split()[1:]]
        assert len(times) == len(step_attention.ELEMENTS) + 1
        assert min(times) > 0


def test_lengths_are_spread_from_the_shortest_on() -> None:
    sizes = step_attention.Sizes(rows=3, shortest=2)
    assert sizes.lengths(6).tolist() == [2, 4, 6]
    assert sizes.lengths(1).tolist() == [1, 1, 1]
    assert step_attention.Sizes(rows=2, shortest=None).lengths(6).tolist() == [6, 6]


def test_the_fused_normalization_computes_what_its_parts_do() -> None:
    both = skip_layer_norm.ways(rows=3, width=64)
    for run_once, _ in both.values():
        run_once()
    fused, parts = (result for _, result in both.values())
    assert np.abs(parts).max() > 1
    np.testing.assert_allclose(fused, parts, atol=1e-5)


def test_normalizations_are_timed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, "--rows", "2", "--width", "16", "--turns", "2")
    skip_layer_norm.main()
    told = capsys.readouterr().out
    assert "fused" in told
    assert "parts" in told


def test_a_row_moves_with_the_size_of_its_neighbour() -> None:
    """When this fails, onnxruntime has scales by row and docs/upstream.md is out of date."""
    alone = batch_scale.first_row(1)
    assert np.array_equal(batch_scale.first_row(1), alone)
    assert np.abs(batch_scale.first_row(100) - alone).max() > 0.1


def test_moves_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    batch_scale.main()
    assert "neighbour x 1: moved by 0.000" in capsys.readouterr().out
