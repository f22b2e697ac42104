"""The tensors of BART and its kin under the names of the native layout.

Marian, M2M100, mBART and Pegasus in Hugging Face's layout have the names of fairseq's first
Transformers. Knows names, and what is tied to what; does not know settings.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from dragoman_export.checkpoints import Settings
from dragoman_export.families import weights
from dragoman_export.families.positions import (
    Positions,
    fairseq_sinusoids,
    is_rounded,
    sinusoids,
)
from dragoman_export.families.weights import Stored

SHARED = "model.shared.weight"
SOURCES = "model.encoder.embed_tokens.weight"
TARGETS = "model.decoder.embed_tokens.weight"
OUTPUT = "lm_head.weight"
OUTPUT_BIAS = "final_logits_bias"

POSITIONS = re.compile(r"model\.(encoder|decoder)\.embed_positions\.weights?")
POSITION_TABLES = ("model.encoder.embed_positions.weight", "model.decoder.embed_positions.weight")
"""As likely left out where they are sinusoids."""

LEARNED_OFFSET = 2
"""Rows before that of the first token."""

FORMAT_VERSION = "coder.version"
"""Ends the name of a tensor that older tools store beside a model's own."""

PARTS = {
    ".self_attn.": ".self_attention.",
    ".encoder_attn.": ".cross_attention.",
    ".self_attn_layer_norm.": ".self_attention_norm.",
    ".encoder_attn_layer_norm.": ".cross_attention_norm.",
    ".final_layer_norm.": ".feed_forward_norm.",
    ".q_proj.": ".query.",
    ".k_proj.": ".key.",
    ".v_proj.": ".value.",
    ".out_proj.": ".output.",
    ".fc1.": ".feed_forward.widen.",
    ".fc2.": ".feed_forward.narrow.",
    "coder.layernorm_embedding.": "coder.embedding_norm.",
    "coder.layer_norm.": "coder.final_norm.",
}
"""Parts of a name, and what they are in the native layout's."""


class Embeddings(NamedTuple):
    """Names of the tensors that are the three embeddings; what is tied has one name."""

    sources: str
    targets: str
    output: str
    """The output projection."""


def find_embeddings(tensors: Mapping[str, Tensor], *, shared: bool) -> Embeddings:
    """Which tensors are tied: which of its names a file keeps depends on who wrote it.

    As transformers does it since 5.0: what is there and differs is not tied, whatever the settings
    say; what is not there is what it may be tied to.

    Args:
        tensors: All of them, by name.
        shared: Whether sources and targets may have one embedding.
    """
    first = (SHARED, OUTPUT, TARGETS, SOURCES) if shared else (TARGETS, OUTPUT)
    base = next((name for name in first if name in tensors), first[0])

    def own(name: str) -> str:
        is_other = name in tensors and not are_equal(tensors[name], tensors[base])
        return name if is_other else base

    return Embeddings(own(SOURCES) if shared else SOURCES, own(TARGETS), own(OUTPUT))


def are_equal(one: Tensor, other: Tensor) -> bool:
    """Whether they hold the same numbers, of whichever type."""
    if one.dtype != other.dtype:
        one, other = one.float(), other.float()
    return torch.equal(one, other)


def native_tensors(tensors: Mapping[str, Tensor], embeddings: Embeddings) -> dict[str, Stored]:
    """All but positions, by their names in the native layout; strays keep their own."""
    native = {
        _native_name(name): Stored(name, tensor)
        for name, tensor in tensors.items()
        if _is_layer(name)
    }
    if OUTPUT_BIAS in tensors:
        bias = tensors[OUTPUT_BIAS]
        bias = bias[0] if bias.ndim == 2 and len(bias) == 1 else bias  # noqa: PLR2004 - (1, vocab)
        native[weights.OUTPUT_BIAS] = Stored(OUTPUT_BIAS, bias)
    for name, stored in (
        (weights.SOURCES, embeddings.sources),
        (weights.TARGETS, embeddings.targets),
        (weights.OUTPUT, embeddings.output),
    ):
        is_own = name == weights.TARGETS or stored != embeddings.targets
        if is_own and stored in tensors:
            native[name] = Stored(stored, tensors[stored])
    return native


def _is_layer(name: str) -> bool:
    """Whether it is part of the model and neither an embedding nor positions."""
    if not name.startswith("model.") or name.endswith(FORMAT_VERSION):
        return False
    return name not in (SHARED, SOURCES, TARGETS) and not POSITIONS.fullmatch(name)


def _native_name(name: str) -> str:
    native = name.removeprefix("model.")
    for part, ours in PARTS.items():
        native = native.replace(part, ours)
    return native


def stored_sinusoids(
    tensors: Mapping[str, Tensor], positions: int, dim: int, _settings: Settings
) -> Positions:
    """As stored, which is what the checkpoint's own implementation uses, or as computed."""
    exact = sinusoids(positions, dim)
    problems, tables = [], []
    for name in POSITION_TABLES:
        table = tensors.get(name, exact)
        if table.shape != exact.shape:
            problems.append(
                f"{name} has shape {tuple(table.shape)}; {tuple(exact.shape)} is needed"
            )
            table = exact
        elif not is_rounded(table, exact):
            problems.append(f"{name} is not the sinusoidal table; learned positions?")
        tables.append(Stored(name, table))
    return Positions(tables[0], tables[1], problems)


def computed_sinusoids(
    _tensors: Mapping[str, Tensor], positions: int, dim: int, settings: Settings
) -> Positions:
    """fairseq's, from the place after the padding token's id on; older files store others."""
    table = fairseq_sinusoids(positions, dim, first=settings["pad_token_id"] + 1)
    sources, targets = (Stored(name, table) for name in POSITION_TABLES)
    return Positions(sources, targets)


def learned_positions(
    tensors: Mapping[str, Tensor], positions: int, dim: int, _settings: Settings
) -> Positions:
    """As stored, but for two rows at the beginning that no token has."""
    problems, tables = [], []
    for name in POSITION_TABLES:
        table, shape = tensors.get(name), (positions + LEARNED_OFFSET, dim)
        if table is None or table.shape != shape:
            found = "is missing" if table is None else f"has shape {tuple(table.shape)}"
            problems.append(f"{name} {found}; {shape} is needed")
            table = torch.zeros(shape)
        tables.append(Stored(name, table[LEARNED_OFFSET:]))
    return Positions(tables[0], tables[1], problems)
