"""The largest input of every linear layer, and what quantisation makes of it."""

from pathlib import Path

import pytest
import torch
from torch import nn

from dragoman_export.families import import_model
from dragoman_export.model import ImportedModel
from dragoman_export.network import Transformer
from dragoman_export.network.layers import FeedForward, Linear, TiedLinear
from dragoman_export.precision.calibrate import Calibration, calibrate
from dragoman_export.precision.quantise import (
    SIGNED,
    UNSIGNED,
    CalibratedInt8Linear,
    Int8Linear,
    MaskedInt8Linear,
    quantise,
)

SOURCES = [[5, 9, 4, 0], [7, 0], [20, 21, 22, 23, 24, 25, 0]]
TARGETS = [[3, 8, 0], [40, 2, 6, 6, 0], [0]]


@pytest.fixture(scope="module")
def model(checkpoint: Path) -> ImportedModel:
    return import_model(checkpoint)


@pytest.fixture(scope="module")
def calibration(model: ImportedModel) -> Calibration:
    return calibrate(model, SOURCES, TARGETS)


def modules(transformer: tuple[object, ...], kind: type[nn.Module]) -> list[nn.Module]:
    sides = [side for side in transformer if isinstance(side, nn.Module)]
    return [module for side in sides for module in side.modules() if isinstance(module, kind)]


def test_every_linear_layer_is_measured(model: ImportedModel, calibration: Calibration) -> None:
    linear = [*modules(model.transformer, Linear), *modules(model.transformer, TiedLinear)]
    assert len(calibration.inputs) == len(linear)
    assert {"encoder.cross_key_value", "decoder.layers.1.self_in", "decoder.head"} <= set(
        calibration.inputs
    )
    assert all(largest > 0 for largest in calibration.inputs.values())
    assert set(calibration.outputs) == set(calibration.inputs) - {"decoder.head"}
    for name, channels in calibration.outputs.items():
        layer = getattr(model.transformer, name.partition(".")[0]).get_submodule(
            name.partition(".")[2]
        )
        assert channels.shape == layer.bias.shape


def test_the_largest_input_is_that_of_the_sentences_run_one_by_one(
    model: ImportedModel, calibration: Calibration
) -> None:
    alone = [calibrate(model, [s], [t]) for s, t in zip(SOURCES, TARGETS, strict=True)]
    for place, largest in calibration.inputs.items():
        assert largest == pytest.approx(max(one.inputs[place] for one in alone), rel=1e-5)
    for place, channels in calibration.outputs.items():
        together = torch.stack([one.outputs[place] for one in alone]).amax(dim=0)
        torch.testing.assert_close(channels, together)


def test_the_first_layer_reads_embeddings(model: ImportedModel) -> None:
    found = calibrate(model, [[7, 0]], [[40, 0]])

    start = model.decoder_start_id
    embedding = model.transformer.decoder.embedding
    read = embedding(torch.tensor([start, 40]), torch.tensor([0, 1]))
    assert found.inputs["decoder.layers.0.self_in"] == pytest.approx(float(read.abs().max()))


def test_calibration_leaves_no_hook_behind(model: ImportedModel, calibration: Calibration) -> None:
    before = dict(calibration.inputs)
    calibrate(model, [[30, 31, 0]], [[32, 0]])
    assert calibration.inputs == before


def fresh(model: ImportedModel) -> Transformer:
    """A model to be changed."""
    return model.transformer.copied(model.config)


def test_every_linear_layer_is_replaced(model: ImportedModel, calibration: Calibration) -> None:
    quantised = quantise(fresh(model), calibration)

    assert not modules(model.transformer, Int8Linear)
    assert not modules(quantised, Linear)
    assert not modules(quantised, TiedLinear)
    assert quantised.encoder.embedding is quantised.decoder.embedding


def test_the_embedding_is_scaled_beforehand_to_the_same_bits(
    model: ImportedModel, calibration: Calibration
) -> None:
    before = model.transformer.encoder.embedding
    after = quantise(fresh(model), calibration).encoder.embedding
    places = torch.arange(5), torch.arange(5)

    assert before.scale != 1.0
    assert after.scale == 1.0
    assert torch.equal(after(*places), before(*places))


def test_a_relu_is_part_of_the_layer_after_it(
    model: ImportedModel, calibration: Calibration
) -> None:
    quantised = quantise(fresh(model), calibration)

    assert not modules(quantised, nn.ReLU)
    feed_forwards = modules(quantised, FeedForward)
    assert len(feed_forwards) == 4
    for layer in feed_forwards:
        assert layer.get_submodule("widen").zero_point == SIGNED
        assert layer.get_submodule("narrow").zero_point == UNSIGNED


def test_other_activations_stay(swish_checkpoint: Path) -> None:
    model = import_model(swish_checkpoint)

    quantised = quantise(fresh(model), calibrate(model, SOURCES, TARGETS))

    assert len(modules(quantised, nn.SiLU)) == 4
    for layer in modules(quantised, CalibratedInt8Linear):
        assert layer.zero_point == SIGNED


@pytest.mark.parametrize(("bias", "expected"), [(0.0, MaskedInt8Linear), (1.0, Int8Linear)])
def test_only_a_mask_comes_before_the_scale_of_a_row(
    model: ImportedModel, bias: float, expected: type
) -> None:
    transformer = fresh(model)
    head = transformer.decoder.head
    assert isinstance(head, TiedLinear)
    head.bias.data[:] = bias

    assert isinstance(quantise(transformer, None).decoder.head, expected)


def test_per_row_scales_keep_the_relu(model: ImportedModel) -> None:
    quantised = quantise(fresh(model), None)

    assert len(modules(quantised, nn.ReLU)) == 4
    assert not modules(quantised, CalibratedInt8Linear)
