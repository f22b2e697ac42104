"""The formats of a bundle's graphs: which library runs each, and what their tensors are called.

Torch calls graphs by position: so names, types and order are looked at before one is loaded. Knows
the manifest alone. Does not know how they are run.
"""

from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple, cast

from dragoman.v1.bundle_pb2 import Manifest, TensorSpec

Format = Literal["onnx", "torchscript", "pt2"]

RuntimeName = Literal["onnxruntime", "torch"]

FORMATS = ("onnx", "torchscript", "pt2")

MOST_SHOWN = 200
"""Characters of what a manifest has."""


class _Tensor(NamedTuple):
    name: str
    data_type: str


ENCODER_INPUTS = (_Tensor("token_ids", "int64"), _Tensor("source_mask", "bool"))

DECODER_INPUTS = (
    _Tensor("token_ids", "int64"),
    _Tensor("positions", "int64"),
    _Tensor("target_mask", "bool"),
    _Tensor("source_mask", "bool"),
)
"""The caches follow them, layer after layer."""

ATTENTION_INPUTS = tuple(
    f"{side}_{name}"
    for side in ("source", "target")
    for name in ("ids", "positions", "padded", "packed", "last")
)


def format_of(manifest: Manifest) -> Format:
    """Returns the format of the graphs; bundles before version 7 do not say theirs."""
    return cast("Format", manifest.format or "onnx")


def runtime_of(manifest: Manifest) -> RuntimeName:
    """Returns the library that runs the graphs."""
    return "onnxruntime" if format_of(manifest) == "onnx" else "torch"


def problems_of_format(manifest: Manifest) -> Iterator[str]:
    """Yields what is wrong, a sentence each; nothing where there is none."""
    if manifest.format not in ("", *FORMATS):
        yield f"format is {manifest.format[:35]!r}; allowed: {', '.join(FORMATS)}"
    elif runtime_of(manifest) == "torch":
        yield from _problems_of_torch(manifest)


def _problems_of_torch(manifest: Manifest) -> Iterator[str]:
    if manifest.precision == "int8":
        yield (
            f"precision is 'int8' in the format {manifest.format}; allowed: float32, float16, "
            "bfloat16"
        )
    encoder, decoder = manifest.encoder, manifest.decoder
    stored = decoder.inputs[-1].data_type if decoder.inputs else "float"
    kept = [*DECODER_INPUTS, *_caches(manifest, stored)]
    yield from _unlike("encoder.inputs", encoder.inputs, ENCODER_INPUTS)
    yield from _unlike("encoder.outputs", encoder.outputs, [_Tensor("cross_key_value", stored)])
    yield from _unlike("decoder.inputs", decoder.inputs, kept)
    yield from _unlike("decoder.outputs", decoder.outputs, [_Tensor("logits", "float")])
    for index, tensor in enumerate(manifest.attention.inputs):
        if tensor.name not in ATTENTION_INPUTS:
            yield (
                f"attention.inputs[{index}].name is {tensor.name[:35]!r}; allowed: "
                f"{', '.join(ATTENTION_INPUTS)}"
            )


def _caches(manifest: Manifest, stored: str) -> list[_Tensor]:
    """What the decoder updates in place, with elements of the type `stored`."""
    names = [tensor.name for tensor in manifest.decoder.inputs]
    own = {"self_key": stored, "self_value": stored}
    if "self_state_0" in names:
        own = {"self_state": "float"}
    kinds = {**own, "cross_key": stored, "cross_value": stored}
    # As many layers as the inputs have: whether those are enough is looked at for every format.
    layers = sum(name.startswith("cross_key_") for name in names)
    return [
        _Tensor(f"{name}_{layer}", data_type)
        for layer in range(layers)
        for name, data_type in kinds.items()
    ]


def _unlike(
    field: str, tensors: Iterable[TensorSpec], expected: Iterable[_Tensor]
) -> Iterator[str]:
    given = [_Tensor(tensor.name, tensor.data_type) for tensor in tensors]
    if given != list(expected):
        yield f"{field} has {_shown(given)}; allowed, in this order: {_shown(expected)}"


def _shown(tensors: Iterable[_Tensor]) -> str:
    shown = ", ".join(f"{name} ({data_type})" for name, data_type in tensors)
    return shown if len(shown) <= MOST_SHOWN else shown[:MOST_SHOWN] + "..."
