"""Rescales a model so that 8-bit integers can hold its keys and values.

A key's channel is divided by what one of its steps is worth and the query's channel multiplied by
the same, so that their product stays; a value's channel is divided likewise and the row of the
output projection that reads it multiplied. The caches then hold whole steps of size 1: a scale for
every channel that costs nothing at run time.

Knows which weights make and read keys and values. Does not know how they are kept.
"""

from dataclasses import replace

import torch
from torch import Tensor

from dragoman_export.network import DecoderLayer, DecoderStep, Linear, Transformer
from dragoman_export.precision.calibrate import Calibration

LARGEST_STEP = 127

HEADROOM = 4 / 3
"""How much further than in calibration a channel may reach. With none, sentences that calibration
had not seen were clipped: four times the difference in log-probability on a random model."""

SMALLEST_SCALE = 1e-9
"""Of a channel that calibration saw nothing but zeros of."""


def with_int8_caches(model: Transformer, calibration: Calibration) -> Transformer:
    """A copy that keeps keys and values as int8 and is otherwise the same.

    Args:
        model: In float32; left as it is.
        calibration: Of `model`.
    """
    scaled = model.copied(replace(model.config, cache_type="int8"))
    if not scaled.config.recurrent:
        _scale_self_attention(scaled.decoder, calibration)
    _scale_cross_attention(scaled, calibration)
    return scaled


def _scale_self_attention(decoder: DecoderStep, calibration: Calibration) -> None:
    for number, layer in enumerate(_layers(decoder)):
        largest = calibration.outputs[f"decoder.layers.{number}.self_in"]
        _, key, value = _steps(largest).chunk(3)
        _multiply_outputs(layer.self_in, torch.cat([key, 1 / key, 1 / value]))
        assert isinstance(layer.self_out, Linear)
        _multiply_inputs(layer.self_out, value)


def _scale_cross_attention(model: Transformer, calibration: Calibration) -> None:
    steps = _steps(calibration.outputs["encoder.cross_key_value"])
    _multiply_outputs(model.encoder.cross_key_value, 1 / steps)
    layers = _layers(model.decoder)
    for layer, key_value in zip(layers, steps.chunk(len(layers)), strict=True):
        key, value = key_value.chunk(2)
        _multiply_outputs(layer.cross_in, key)
        _multiply_inputs(layer.cross_out, value)


def _layers(decoder: DecoderStep) -> list[DecoderLayer]:
    return [layer for layer in decoder.layers if isinstance(layer, DecoderLayer)]


def _steps(largest: Tensor) -> Tensor:
    """What one step of each channel is worth."""
    return (largest * HEADROOM / LARGEST_STEP).clamp_min(SMALLEST_SCALE)


def _multiply_outputs(layer: Linear, factors: Tensor) -> None:
    layer.weight.data = layer.weight.data * factors
    layer.bias.data = layer.bias.data * factors


def _multiply_inputs(layer: Linear, factors: Tensor) -> None:
    layer.weight.data = layer.weight.data * factors[:, None]
