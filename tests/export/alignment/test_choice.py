"""Which heads are chosen, of graphs that a model's own weights were put into."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from dragoman_export.alignment import choice, choose_by_gold, choose_by_model_1, read_gold
from dragoman_export.alignment.model_1 import TokenPair, posteriors
from dragoman_export.families import import_model
from dragoman_export.model import UNTOLD_SOURCE, UNTOLD_TARGET, ImportedModel, Prompt
from dragoman_export.verification import Said
from dragoman_export.verification.hypothesis import Hypothesis

LAYERS, HEADS = 2, 4


@pytest.fixture(scope="module")
def model(checkpoint: Path) -> ImportedModel:
    return import_model(checkpoint)


class Diagonal:
    """A graph of which one head, in one way of looking, sees what a token was copied from."""

    def __init__(self, layer: int, head: int, *, after_token: bool) -> None:
        self._layer, self._head, self._after = layer, head, after_token

    def run(
        self, names: Sequence[str], given: Mapping[str, NDArray[np.generic]]
    ) -> list[NDArray[np.float32]]:
        assert list(names) == [f"cross_attention_{layer}" for layer in range(LAYERS)]
        source, target = len(given["source_ids"]), len(given["target_ids"])
        shape = (LAYERS, 1, HEADS, target, source)
        noise = np.random.default_rng(source * target).random(shape)
        weights: NDArray[np.float32] = (noise / noise.sum(axis=4, keepdims=True)).astype(np.float32)
        rows = weights[self._layer, 0, self._head]
        rows[:] = 0
        for token in range(target - 1):
            rows[token + self._after, token] = 1
        return list(weights)


@pytest.mark.parametrize(("layer", "head", "after"), [(0, 3, True), (1, 0, False), (1, 2, True)])
def test_the_head_that_looks_at_what_a_token_comes_from_is_found(
    model: ImportedModel, layer: int, head: int, after: bool, *, tmp_path: Path
) -> None:
    graph = Diagonal(layer, head, after_token=after)
    texts = ["the cat sat", "a house by the river", "the river", "the cat by a house"]
    said = []
    for text in texts:
        ids = model.tokenizer.encode(text)
        said.append(Said(Prompt(ids), Hypothesis(token_ids=list(ids))))
    found = choose_by_model_1(graph, model, said)
    assert (found.layer, found.heads, found.after_token) == (layer, (head,), after)
    assert found.chosen_by == "model_1"
    assert 0 < found.figure <= 1

    gold = tmp_path / "gold.tsv"
    lines = [
        f"{text}\t{text}\t" + " ".join(f"{i}-{i}" for i in range(len(text.split())))
        for text in texts
    ]
    gold.write_text("\n".join(lines))
    found = choose_by_gold(graph, model, read_gold(gold), UNTOLD_SOURCE, UNTOLD_TARGET)
    assert (found.layer, found.heads, found.after_token) == (layer, (head,), after)
    assert found.chosen_by == "gold"
    assert found.figure < 0.1


def test_tokens_that_steer_a_model_stand_for_nothing(model: ImportedModel) -> None:
    told = dataclasses.replace(
        model, targets=[UNTOLD_TARGET._replace(source_prefix_ids=(7,))], sources=[]
    )
    assert choice._steering_ids(told) == {model.end_id, 7}


def test_model_1_finds_who_goes_with_whom() -> None:
    pairs = [TokenPair([1, 2], [11, 12]), TokenPair([2, 3], [13, 12]), TokenPair([1, 3], [11, 13])]
    for pair, found in zip(pairs, posteriors(pairs), strict=True):
        for row, target in zip(found, pair.target_ids, strict=True):
            assert pair.source_ids[int(row.argmax())] == target - 10
        assert (found.sum(axis=1) <= 1 + 1e-6).all()
