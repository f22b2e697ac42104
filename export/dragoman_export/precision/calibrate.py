"""Measures how large the inputs and outputs of a model's linear layers get.

Runs the float32 model eagerly with its targets given. Knows layers by their place in the model;
does not know what becomes of the figures.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from dragoman_export.model import ImportedModel
from dragoman_export.network import Linear, Step, TiedLinear, Transformer
from dragoman_export.verification import encode


class Calibration(NamedTuple):
    """What was found, by a layer's place: `decoder.layers.0.self_in`."""

    inputs: dict[str, float]
    """Largest |input| of every linear layer."""

    outputs: dict[str, Tensor]
    """Largest |output| of each channel, (out,), of those that are not the output projection."""


BATCH_SENTENCES = 32
"""Run at once."""


def calibrate(
    model: ImportedModel, sources: Sequence[Sequence[int]], targets: Sequence[Sequence[int]]
) -> Calibration:
    """Runs every source through the model while it is told to say its target.

    Args:
        model: In float32.
        sources: Token ids, the end token included.
        targets: What is said of each, what it is told to begin with and the end token included.
    """
    found = Calibration({}, {})
    handles = [
        layer.register_forward_hook(_Watcher(found, place))
        for place, layer in _linear_layers(model.transformer)
    ]
    try:
        pairs = sorted(zip(sources, targets, strict=True), key=lambda pair: -len(pair[1]))
        for start in range(0, len(pairs), BATCH_SENTENCES):
            batch = pairs[start : start + BATCH_SENTENCES]
            _run(model, [source for source, _ in batch], [target for _, target in batch])
    finally:
        for handle in handles:
            handle.remove()
    return found


class _Watcher:
    """A hook that notes the largest input and output of one layer."""

    def __init__(self, found: Calibration, place: str) -> None:
        self._found = found
        self._place = place

    def __call__(self, layer: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
        here = float(inputs[0].abs().max())
        self._found.inputs[self._place] = max(self._found.inputs.get(self._place, 0.0), here)
        if isinstance(layer, Linear):
            channels = output.abs().amax(dim=0)
            before = self._found.outputs.get(self._place, channels)
            self._found.outputs[self._place] = torch.maximum(before, channels)


def _linear_layers(transformer: Transformer) -> list[tuple[str, nn.Module]]:
    return [
        (f"{side}.{name}", module)
        for side, root in (("encoder", transformer.encoder), ("decoder", transformer.decoder))
        for name, module in root.named_modules()
        if isinstance(module, Linear | TiedLinear)
    ]


@torch.inference_mode()
def _run(
    model: ImportedModel, sources: Sequence[Sequence[int]], targets: Sequence[Sequence[int]]
) -> None:
    """Longest target first: the rows that still have something to say are a prefix."""
    transformer = model.transformer
    source_last, caches = encode(transformer, sources, len(targets[0]))
    capacities = caches[0].capacities()
    for position in range(len(targets[0])):
        rows = sum(len(target) > position for target in targets)
        said = [target[position - 1] for target in targets[:rows]]
        positions = torch.full((rows,), position, dtype=torch.int32)
        _, caches = transformer.decoder.logits(
            torch.tensor(said if position else [model.decoder_start_id] * rows),
            Step(positions, source_last[:rows], *capacities),
            [type(layer)(*(cache[:rows] for cache in layer)) for layer in caches],
        )
