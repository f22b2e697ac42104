"""Keys and values in steps: the same model, another unit."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from dragoman_export.families import import_model
from dragoman_export.graphs.contract import decoder_contract, encoder_contract
from dragoman_export.model import ImportedModel
from dragoman_export.network.transformer import Transformer
from dragoman_export.precision.calibrate import Calibration, calibrate
from dragoman_export.precision.int8_caches import HEADROOM, LARGEST_STEP, with_int8_caches
from dragoman_export.verification.graph_decoding import packed
from tests.export.network.test_transformer import eager_logits

SOURCES = [[5, 9, 4, 0], [7, 0], [20, 21, 22, 23, 24, 25, 0]]
TARGETS = [[3, 8, 13, 0], [40, 2, 6, 0], [11, 12, 3, 0]]


@pytest.fixture(scope="module")
def model(checkpoint: Path) -> ImportedModel:
    return import_model(checkpoint)


@pytest.fixture(scope="module")
def calibration(model: ImportedModel) -> Calibration:
    return calibrate(model, SOURCES, TARGETS)


@pytest.fixture(scope="module")
def scaled(model: ImportedModel, calibration: Calibration) -> Transformer:
    return with_int8_caches(model.transformer, calibration)


def with_float_caches(model: ImportedModel, scaled: Transformer) -> ImportedModel:
    config = replace(scaled.config, cache_type="float")
    scaled.encoder.config = config
    return model.with_transformer(scaled._replace(config=config))


def test_another_unit_changes_nothing_else(model: ImportedModel, calibration: Calibration) -> None:
    scaled = with_int8_caches(model.transformer, calibration)
    targets = torch.tensor(TARGETS)

    found = eager_logits(with_float_caches(model, scaled).transformer, SOURCES, targets)

    expected = eager_logits(model.transformer, SOURCES, targets)
    torch.testing.assert_close(found, expected, atol=2e-4, rtol=1e-4)


def test_every_channel_uses_the_whole_range_but_for_the_headroom(
    scaled: Transformer, model: ImportedModel
) -> None:
    found = calibrate(model.with_transformer(scaled), SOURCES, TARGETS).outputs

    key_value = found["encoder.cross_key_value"]
    torch.testing.assert_close(key_value, torch.full_like(key_value, LARGEST_STEP / HEADROOM))
    # The first layer's own keys do not depend on anything that was rounded.
    _, key, value = found["decoder.layers.0.self_in"].chunk(3)
    torch.testing.assert_close(key, torch.full_like(key, LARGEST_STEP / HEADROOM))
    torch.testing.assert_close(value, torch.full_like(value, LARGEST_STEP / HEADROOM))


def test_the_encoder_gives_whole_steps(scaled: Transformer) -> None:
    inputs = {name: torch.from_numpy(array) for name, array in packed(SOURCES).items()}

    assert scaled.encoder(**inputs).dtype == torch.int8


def test_the_contract_tells_of_the_caches_type(model: ImportedModel, scaled: Transformer) -> None:
    for config, name in ((model.transformer.config, "float"), (scaled.config, "int8")):
        assert encoder_contract(config).outputs[0].data_type == name
        assert {tensor.data_type for tensor in decoder_contract(config).inputs[-8:]} == {name}


def test_a_channel_of_zeros_stays_finite(model: ImportedModel, calibration: Calibration) -> None:
    outputs = {name: torch.zeros_like(found) for name, found in calibration.outputs.items()}

    scaled = with_int8_caches(model.transformer, calibration._replace(outputs=outputs))

    for side in (scaled.encoder, scaled.decoder):
        assert all(parameter.isfinite().all() for parameter in side.parameters())


def test_the_model_stays_as_it_is(model: ImportedModel, scaled: Transformer) -> None:
    assert model.transformer.config.cache_type == "float"
    assert model.transformer.encoder.config.cache_type == "float"
    assert scaled.encoder.embedding is scaled.decoder.embedding
