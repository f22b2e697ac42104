"""Attention weights with the target given, beside those of the decoding steps."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from dragoman_export.families import import_model
from dragoman_export.model import ImportedModel
from dragoman_export.network import AttentionWeights, ForcedAttention, Step, Transformer
from dragoman_export.network.operators import attention
from dragoman_export.precision import with_int8_caches
from dragoman_export.precision.calibrate import calibrate
from dragoman_export.precision.quantise import quantise
from dragoman_export.verification import encode, packed_pairs

SOURCE, TARGET = [5, 9, 4, 21, 0], [8, 13, 4, 40, 2, 6]


@pytest.fixture
def model(checkpoint: Path) -> ImportedModel:
    return import_model(checkpoint)


def stepwise(
    transformer: Transformer, source: list[int], target: list[int], monkeypatch: pytest.MonkeyPatch
) -> AttentionWeights:
    """What the modules attend to as the server runs them: token by token, from caches."""
    found: list[Tensor] = []

    def attend(
        query: Tensor, key: Tensor, value: Tensor, last: Tensor, bias: Tensor | None = None
    ) -> Tensor:
        scores = query @ key.to(query.dtype).transpose(2, 3)
        scores = scores if bias is None else scores + bias
        hidden = torch.arange(key.shape[2])[None, None, None] > last[:, None, None, None]
        weights = scores.masked_fill(hidden, -torch.inf).softmax(dim=3)
        found.append(weights[0])
        return (weights @ value.to(query.dtype)).transpose(1, 2).flatten(2)

    monkeypatch.setattr(attention, "_attend", attend)
    config = transformer.config
    source_last, caches = encode(transformer, [source], len(target))
    encoder, found = found, []
    capacities = caches[0].capacities()
    for position, token_id in enumerate(target):
        step = Step(torch.tensor([position], dtype=torch.int32), source_last, *capacities)
        with torch.inference_mode():
            _, caches = transformer.decoder.logits(torch.tensor([token_id]), step, caches)
    each = 1 if config.recurrent else 2
    by_layer = [
        found[at :: each * config.decoder_layers] for at in range(each * config.decoder_layers)
    ]
    together = [torch.cat(weights, dim=1) for weights in by_layer]
    return AttentionWeights(
        encoder, together[:-1:2] if each == 2 else [], together[each - 1 :: each]
    )


def require_same(
    ours: AttentionWeights, expected: AttentionWeights, tolerance: float = 1e-4
) -> None:
    for found, wanted in zip(ours, expected, strict=True):
        assert len(found) == len(wanted)
        for one, other in zip(found, wanted, strict=True):
            torch.testing.assert_close(one, other, atol=tolerance, rtol=0)
            torch.testing.assert_close(one.sum(dim=2), torch.ones(one.shape[:2]))


def forced(transformer: Transformer, source: list[int], target: list[int]) -> AttentionWeights:
    """With others beside it, which make padding."""
    sources, targets = [[7, 0], source, [6] * 9], [[4] * 11, target, [3, 2]]
    given = packed_pairs(sources, targets)
    with torch.inference_mode():
        weights = ForcedAttention(transformer)(*map(torch.from_numpy, given.values()))
    return unpadded(weights, 1, len(source), len(target))


def unpadded(weights: AttentionWeights, row: int, source: int, target: int) -> AttentionWeights:
    """Of one of a batch."""
    return AttentionWeights(
        [layer[row, :, :source, :source] for layer in weights.encoder],
        [layer[row, :, :target, :target] for layer in weights.decoder],
        [layer[row, :, :target, :source] for layer in weights.cross],
    )


@pytest.mark.parametrize("scales", ["float32", "per_row", "calibrated"])
def test_weights_are_those_of_the_decoding_steps(
    model: ImportedModel, scales: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    transformer = model.transformer
    if scales == "per_row":
        transformer = quantise(model.blueprint.take(), None)
    elif scales == "calibrated":
        sources, targets = [SOURCE], [[*TARGET, model.end_id]]
        found = calibrate(model, sources, targets)
        scaled = with_int8_caches(model.blueprint.take(), found)
        found = calibrate(model.with_transformer(scaled), sources, targets)
        transformer = quantise(scaled, found)
    target = [model.decoder_start_id, *TARGET]
    expected = stepwise(transformer, SOURCE, target, monkeypatch)
    assert len(expected.encoder) == len(expected.decoder) == len(expected.cross) == 2
    require_same(forced(transformer, SOURCE, target), expected)


def test_a_token_looks_at_none_that_comes_later(model: ImportedModel) -> None:
    weights = forced(model.transformer, SOURCE, [model.decoder_start_id, *TARGET])
    for layer in weights.decoder:
        assert layer.triu(1).eq(0).all()
