"""Traces the canonical Transformer into ONNX graphs that keep the contract's names.

Knows torch.onnx. Does not know files: `dragoman_export.graphs.files` writes what comes out.
"""

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple, cast

import onnx_ir
import torch
from torch import Tensor, nn
from torch.export import Dim

from dragoman_export.graphs import schemas
from dragoman_export.graphs.contract import (
    GraphContract,
    GraphTensor,
    attention_contract,
    encoder_contract,
    listed_decoder_contract,
)
from dragoman_export.graphs.optimise import tidy
from dragoman_export.graphs.target import Target
from dragoman_export.network import (
    TORCH_TYPES,
    Cache,
    ForcedAttention,
    ListedStep,
    Transformer,
    TransformerConfig,
    cache_kind,
)

OPSET = 18
"""What onnxscript's own translations are written for: nothing has to be converted."""

EXAMPLE_SIZES = {
    "tokens": 5,
    "batch": 2,
    "source": 3,
    "target": 11,
    "source_tokens": 12,
    "target_tokens": 13,
    "rows": 4,
    "sources": 8,
    "groups": 9,
    "grouped_rows": 10,
    "target_capacity": 6,
    "source_capacity": 7,
    "wanted": 11,
    "union": 14,
    "listed": 256,
}
"""All different and above 1, so that tracing takes no two dimensions for one."""

INPUT_TYPES = TORCH_TYPES | {
    "int64": torch.int64,
    "int32": torch.int32,
    "bool": torch.bool,
}


class Graphs(NamedTuple):
    """The graphs of a bundle."""

    encoder: onnx_ir.Model
    decoder: onnx_ir.Model

    attention: onnx_ir.Model | None
    """Of attention weights, where it is wanted."""

    listed: onnx_ir.Model | None = None
    """The decoding step in which each row chooses among a list, where it is wanted."""


def trace(
    transformer: Transformer,
    target: Target,
    *,
    with_attention: bool = False,
    listed: ListedStep | None = None,
) -> Graphs:
    """All graphs, optimised and free of anything that depends on the machine or the time.

    Args:
        transformer: Encoder and decoder.
        target: What the graphs are made for.
        with_attention: Whether the graph of attention weights is wanted.
        listed: The step of its decoder with lists, where that is wanted.
    """
    schemas.register()
    config = transformer.config
    encoder = encoder_contract(config)
    decoder = target.graph_format.decoder_contract(config)
    step, lists = target.decoder(transformer.decoder), listed_decoder_contract(config)
    return Graphs(
        _trace(target, transformer.encoder, encoder, *_plain_inputs(encoder)),
        _trace_step(target, step, decoder, config),
        trace_attention(transformer, target) if with_attention else None,
        None if listed is None else _trace_step(target, listed, lists, config),
    )


def _trace_step(
    target: Target, step: nn.Module, contract: GraphContract, config: TransformerConfig
) -> onnx_ir.Model:
    """A decoding step, whose last inputs are caches."""
    kind = cache_kind(config)
    plain = len(contract.inputs) - len(kind._fields) * config.decoder_layers
    flat, dynamic = _plain_inputs(contract)
    return _trace(
        target,
        step,
        contract,
        (*flat[:plain], _by_layer(kind, flat[plain:])),
        (*dynamic[:plain], _by_layer(kind, dynamic[plain:])),
    )


def trace_attention(transformer: Transformer, target: Target) -> onnx_ir.Model:
    """The graph of attention weights alone."""
    schemas.register()
    contract = attention_contract(transformer.config)
    inputs = _plain_inputs(contract)
    return _trace(target._replace(optimise=tidy), ForcedAttention(transformer), contract, *inputs)


def _plain_inputs(contract: GraphContract) -> tuple[tuple[object, ...], tuple[object, ...]]:
    """Examples and dynamic shapes of inputs that are tensors, one after the other."""
    return (
        tuple(_example(tensor) for tensor in contract.inputs),
        tuple(_dynamic_shape(tensor) for tensor in contract.inputs),
    )


def _example(tensor: GraphTensor) -> Tensor:
    shape = [EXAMPLE_SIZES[size] if isinstance(size, str) else size for size in tensor.shape]
    return torch.ones(shape, dtype=INPUT_TYPES[tensor.data_type])


def _dynamic_shape(tensor: GraphTensor) -> dict[int, Dim]:
    return {axis: Dim(size) for axis, size in enumerate(tensor.shape) if isinstance(size, str)}


def _by_layer(kind: type[Cache], caches: Sequence[object]) -> list[Cache]:
    """Tensors or, for torch.export's dynamic shapes, what takes their place."""
    step = len(kind._fields)
    return [
        kind._make(cast("Sequence[Tensor]", caches[first : first + step]))
        for first in range(0, len(caches), step)
    ]


def _trace(
    target: Target,
    module: nn.Module,
    contract: GraphContract,
    examples: tuple[object, ...],
    dynamic_shapes: tuple[object, ...],
) -> onnx_ir.Model:
    with _silence():
        program = torch.onnx.export(
            module,
            examples,
            dynamo=True,
            verbose=False,
            opset_version=OPSET,
            input_names=[tensor.name for tensor in contract.inputs],
            output_names=[tensor.name for tensor in contract.outputs],
            dynamic_shapes=dynamic_shapes,
            custom_translation_table=target.translations(),
        )
    assert program is not None
    target.optimise(program.model, contract)
    return program.model


@contextmanager
def _silence() -> Iterator[None]:
    """Keeps the exporter's remarks on itself from the user."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
