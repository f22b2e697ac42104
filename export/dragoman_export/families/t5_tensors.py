"""The tensors of T5 and its kin under the names of the native layout.

Knows names, what is tied to what, and buckets of distances. Does not know other settings.
"""

import math
import re
from collections.abc import Mapping

import torch
from torch import Tensor

from dragoman_export.families import weights
from dragoman_export.families.bart_tensors import Embeddings, are_equal
from dragoman_export.families.t5_settings import T5Settings
from dragoman_export.families.weights import Stored

SHARED = "shared.weight"
SOURCES = "encoder.embed_tokens.weight"
TARGETS = "decoder.embed_tokens.weight"
OUTPUT = "lm_head.weight"

BIASES = (
    "encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight",
    "decoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight",
)
"""What self-attention adds, (buckets, heads), of all layers of each side."""

UNUSED = "EncDecAttention.relative_attention_bias.weight"
"""Ends the name of a tensor of the first T5s that nothing reads."""

SUBLAYERS = {
    "encoder": ("self_attention", "feed_forward"),
    "decoder": ("self_attention", "cross_attention", "feed_forward"),
}

PARTS = {
    "SelfAttention.q": "self_attention.query",
    "SelfAttention.k": "self_attention.key",
    "SelfAttention.v": "self_attention.value",
    "SelfAttention.o": "self_attention.output",
    "EncDecAttention.q": "cross_attention.query",
    "EncDecAttention.k": "cross_attention.key",
    "EncDecAttention.v": "cross_attention.value",
    "EncDecAttention.o": "cross_attention.output",
    "DenseReluDense.wi": "feed_forward.widen",
    "DenseReluDense.wi_0": "feed_forward.gate",
    "DenseReluDense.wi_1": "feed_forward.widen",
    "DenseReluDense.wo": "feed_forward.narrow",
}

BLOCK = re.compile(r"(encoder|decoder)\.block\.(\d+)\.layer\.(\d)\.(.+)\.weight")


def find_embeddings(tensors: Mapping[str, Tensor]) -> Embeddings:
    """Which tensors are tied: what is there and differs is not, whatever the settings say."""
    base = next((name for name in (SHARED, TARGETS, SOURCES) if name in tensors), SHARED)

    def own(name: str) -> str:
        is_other = name in tensors and not are_equal(tensors[name], tensors[base])
        return name if is_other else base

    return Embeddings(own(SOURCES), own(TARGETS), own(OUTPUT))


def native_tensors(
    tensors: Mapping[str, Tensor], embeddings: Embeddings, settings: T5Settings
) -> tuple[dict[str, Stored], list[str]]:
    """All of them by their names in the native layout, strays by their own; and problems."""
    embedded = {SHARED, SOURCES, TARGETS, OUTPUT}
    native = {
        _native_name(name): Stored(name, tensor)
        for name, tensor in tensors.items()
        if name not in embedded and name not in BIASES and not name.endswith(UNUSED)
    }
    named = [(weights.TARGETS, embeddings.targets)]
    if embeddings.sources != embeddings.targets:
        named.append((weights.SOURCES, embeddings.sources))
    if embeddings.output != embeddings.targets:
        named.append((weights.OUTPUT, embeddings.output))
    native |= {name: Stored(own, tensors[own]) for name, own in named if own in tensors}
    final = "decoder.final_norm.weight"
    if settings.scales_output and final in native:
        name, tensor = native[final]
        native[final] = Stored(name, tensor.float() * settings.values["d_model"] ** -0.5)
    biases, problems = _biases(tensors, settings)
    return native | biases, problems


def _native_name(name: str) -> str:
    if match := BLOCK.fullmatch(name):
        side, number, sublayer, part = match.groups()
        kinds = SUBLAYERS[side]
        if part == "layer_norm" and int(sublayer) < len(kinds):
            part = f"{kinds[int(sublayer)]}_norm"
        return f"{side}.layers.{number}.{PARTS.get(part, part)}.weight"
    return name.replace("coder.final_layer_norm.", "coder.final_norm.")


def _biases(
    tensors: Mapping[str, Tensor], settings: T5Settings
) -> tuple[dict[str, Stored], list[str]]:
    """The two tables by distance."""
    values, most = settings.values, settings.max_positions
    buckets = values["relative_attention_num_buckets"]
    furthest = values["relative_attention_max_distance"]
    shape = (buckets, values["num_heads"])
    found: dict[str, Stored] = {}
    problems = []
    for own, name, is_encoder in zip(
        BIASES, weights.RELATIVE_POSITIONS, (True, False), strict=True
    ):
        table = tensors.get(own)
        if table is None or tuple(table.shape) != shape:
            is_there = "is missing" if table is None else f"has shape {tuple(table.shape)}"
            problems.append(f"{own} {is_there}; {shape} is needed")
            table = torch.zeros(shape)
        found[name] = Stored(own, distance_table(table, furthest, most, is_encoder=is_encoder))
    return found, problems


def distance_table(table: Tensor, furthest: int, most: int, *, is_encoder: bool) -> Tensor:
    """What each distance adds, as `weights.RELATIVE_POSITIONS` has it.

    Args:
        table: What each bucket adds, (buckets, heads).
        furthest: From this distance on all are in the last bucket.
        most: Tokens of a text.
        is_encoder: Whether there are distances ahead.
    """
    buckets = len(table)
    if is_encoder:
        index = bidirectional_bucket(torch.arange(1 - most, most), buckets, furthest)
    else:
        index = bucket(torch.arange(most), buckets, furthest)
    return table.float()[index]


def bidirectional_bucket(distance: Tensor, buckets: int, furthest: int) -> Tensor:
    """The bucket of each distance, places attended to minus places that attend.

    Source: Raffel et al. 2020, section 2.1, as T5's code has it: those ahead have the upper half.
    """
    half = buckets // 2
    return (distance > 0) * half + bucket(distance.abs(), half, furthest)


def bucket(distance: Tensor, buckets: int, furthest: int) -> Tensor:
    """Likewise of distances from 0 on: one each for the first half, then ever wider ones."""
    exact = buckets // 2
    # In float32, as T5 does it: where a bucket ends is a matter of rounding.
    grown = torch.log(distance.float() / exact) / math.log(furthest / exact) * (buckets - exact)
    wide = (exact + grown.clamp_min(0).to(torch.long)).clamp_max(buckets - 1)
    return torch.where(distance < exact, distance, wide)
