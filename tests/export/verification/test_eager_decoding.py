"""Modules in PyTorch against the graphs that are traced from them."""

from pathlib import Path

import numpy as np
import pytest
import torch

from dragoman_export.families import import_model
from dragoman_export.model import ImportedModel, Prompt
from dragoman_export.network.transformer import TORCH_TYPES
from dragoman_export.precision.half import HalfPrecision, with_half_precision
from dragoman_export.verification.eager_decoding import EagerDecoder
from dragoman_export.verification.graph_decoding import GraphDecoder

PROMPTS = [
    Prompt([5, 9, 4, 0], [8]),
    Prompt([7, 0], [9]),
    Prompt([20, 21, 22, 23, 24, 25, 0], [8]),
    Prompt([3, 3, 0], [3]),
]
"""Each with a token that the target begins with."""


@pytest.fixture(scope="module")
def model(checkpoint: Path) -> ImportedModel:
    return import_model(checkpoint)


def test_modules_say_what_their_graphs_say(model: ImportedModel, float32_bundle: Path) -> None:
    expected = GraphDecoder(float32_bundle, model).decode(PROMPTS, 12)
    targets = [hypothesis.token_ids for hypothesis in expected]
    decoder = EagerDecoder(model)

    found = decoder.decode(PROMPTS, 12)
    scores = decoder.score(PROMPTS, targets)

    assert [hypothesis.token_ids for hypothesis in found] == targets
    for hypothesis, reference, forced in zip(found, expected, scores, strict=True):
        np.testing.assert_allclose(hypothesis.log_probs, reference.log_probs, atol=1e-4)
        np.testing.assert_allclose(hypothesis.margins, reference.margins, atol=1e-4)
        np.testing.assert_allclose(forced, reference.log_probs, atol=1e-4)


@pytest.mark.parametrize("precision", ["float16", "bfloat16"])
def test_16_bits_stay_near_and_leave_the_model_alone(
    model: ImportedModel, precision: HalfPrecision
) -> None:
    half = with_half_precision(model.transformer, precision)
    said = [hypothesis.token_ids for hypothesis in EagerDecoder(model).decode(PROMPTS, 12)]

    scores = EagerDecoder(model.with_transformer(half)).score(PROMPTS, said)
    exact = EagerDecoder(model).score(PROMPTS, said)

    differences = np.abs(np.concatenate(scores) - np.concatenate(exact))
    assert 0 < differences.mean() < 0.05
    assert half.encoder.embedding is half.decoder.embedding
    assert half.encoder.embedding.tokens.weight.dtype == torch.float32
    assert half.encoder.cross_key_value.weight.dtype == TORCH_TYPES[precision]
    assert model.transformer.encoder.cross_key_value.weight.dtype == torch.float32
    assert model.transformer.config.element_type == "float"
