"""The variables of CTranslate2's TransformerSpec under the names of the native layout.

Source of the names: CTranslate2, `python/ctranslate2/specs/transformer_spec.py`. Projections of one
input are fused there: queries, keys and values of self-attention, keys and values of
cross-attention. Knows names, shapes, and what is tied to what; does not know what steers a model.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch

from dragoman_export.checkpoints.ctranslate2_file import SCALE, CTranslate2File
from dragoman_export.families import weights
from dragoman_export.families.ctranslate2_settings import (
    RELATIVE_BIAS,
    RELATIVE_DISTANCE,
    Architecture,
    Sizes,
)
from dragoman_export.families.positions import Positions, fairseq_sinusoids
from dragoman_export.families.t5_tensors import distance_table
from dragoman_export.families.weights import Stored
from dragoman_export.network import TransformerConfig

TARGETS, OUTPUT, OUTPUT_BIAS = (
    "decoder/embeddings/weight",
    "decoder/projection/weight",
    "decoder/projection/bias",
)
SOURCES = ("encoder/embeddings/weight", "encoder/embeddings_0/weight")
"""Either."""

POSITIONS = ("encoder/position_encodings/encodings", "decoder/position_encodings/encodings")

COMPUTED_POSITIONS = 1024
"""Rows of a table that is not stored: CTranslate2 computes any number of them, and cuts longer
sources off as its `max_input_length` says, which is this."""

MOST_POSITIONS = 65_536

LEAST_BUCKETS = 4
MOST_DISTANCE = 1 << 20
"""Of T5's relative positions."""

ATTRIBUTES = re.compile(
    r"((encoder|decoder)/)?(num_heads|pre_norm|activation|embeddings_merge|scale_embeddings"
    r"|alignment_layer|alignment_heads|alibi|alibi_use_positive_positions|scale_alibi"
    r"|start_from_zero_embedding|multi_query_attention|sliding_window|scale_outputs"
    r"|(\w+/)*(num_heads_kv|head_dim|sliding_window|multiply_by_sqrt_depth|queries_scale))"
    r"|(unk|bos|eos)_token|with_(source|target)_(bos|eos)|user_decoder_start_tokens"
)
"""What is no weight: switches, which others look at."""

WEIGHT, BIAS = ("weight", "bias")


class Wanted(NamedTuple):
    """A variable of a model, and what it is made of."""

    name: str
    shape: tuple[int, ...]
    natives: Sequence[str]
    """Names in the native layout of the equal parts that it has along its first dimension."""
    is_needed: bool = True


def find_sizes(file: CTranslate2File) -> tuple[Sizes | None, list[str]]:
    """What the shapes say that all others must fit, and what hinders that."""
    problems: list[str] = []

    def shape(name: str, rank: int) -> tuple[int, ...]:
        variable = file.find(name)
        if variable is None or len(variable.shape) != rank or 0 in variable.shape:
            found = "is missing" if variable is None else f"has shape {variable.shape}"
            problems.append(f"{name} {found}; {rank} dimensions are needed")
            return (1,) * rank
        return variable.shape

    vocabulary, dim = shape(TARGETS, 2)
    source = source_name(file)
    sources, source_dim = shape(source, 2)
    if dim != source_dim and not problems:
        problems.append(f"{source} is {source_dim} wide and {TARGETS} {dim}; they must be equal")
    encoder_hidden, _ = shape("encoder/layer_0/ffn/linear_0/weight", 2)
    decoder_hidden, _ = shape("decoder/layer_0/ffn/linear_0/weight", 2)
    tables = [shape(name, 2)[0] for name in POSITIONS if file.find(name) is not None]
    is_one = _same(file, source, TARGETS)
    if problems:
        return None, problems
    return (
        Sizes(
            vocabulary=vocabulary,
            source_vocabulary=None if is_one else sources,
            dim=dim,
            encoder_hidden=encoder_hidden,
            decoder_hidden=decoder_hidden,
            positions=min([*tables, MOST_POSITIONS]) if tables else COMPUTED_POSITIONS,
        ),
        [],
    )


def source_name(file: CTranslate2File) -> str:
    """The embedding of sources."""
    return next((name for name in SOURCES if file.find(name) is not None), SOURCES[1])


def is_tied(file: CTranslate2File) -> bool:
    """Whether the output projection is the embedding of targets."""
    return file.find(OUTPUT) is None or _same(file, OUTPUT, TARGETS)


def _same(file: CTranslate2File, name: str, other: str) -> bool:
    """Whether two variables are one, by alias or by what they hold."""
    if file.root(name) == file.root(other):
        return True
    shapes = [each.shape for each in (file.find(name), file.find(other)) if each is not None]
    if len(shapes) != 2 or shapes[0] != shapes[1]:  # noqa: PLR2004 - both are there
        return False
    return torch.equal(file.tensor(name), file.tensor(other))


def misfits(file: CTranslate2File, architecture: Architecture, sizes: Sizes) -> list[str]:
    """What is missing, of another shape than the others, or without a place."""
    wanted = list(_all(file, architecture.config, sizes))
    problems = []
    for want in wanted:
        variable = file.find(want.name)
        if variable is None and want.is_needed:
            rms = "; all norms or none must be RMS norms" if want.name.endswith("/beta") else ""
            problems.append(f"{want.name} is missing{rms}")
        elif variable is not None and variable.shape != want.shape:
            problems.append(f"{want.name} has shape {variable.shape}; {want.shape} is needed")
    known = {want.name for want in wanted}
    if architecture.config.relative_positions:
        names, more = _relative_positions(file, architecture.config)
        known |= names
        problems += more
    else:
        known |= {*POSITIONS}
    for name in (*file.variables, *file.aliases):
        is_scale = name.endswith(SCALE) and name.removesuffix(SCALE) in known
        if name not in known and not is_scale and not ATTRIBUTES.fullmatch(name):
            problems.append(f"{name} has no place in such a model")
    problems += [
        f"{name} has shape {variable.shape}; (positions, {sizes.dim}) is needed"
        for name in POSITIONS
        if (variable := file.find(name)) is not None and variable.shape[1] != sizes.dim
    ]
    return problems


def _relative_positions(
    file: CTranslate2File, config: TransformerConfig
) -> tuple[set[str], list[str]]:
    """The variables of T5's positions, which all layers of a side share; and what hinders."""
    known: set[str] = set()
    problems: list[str] = []
    for side, layers, heads in (
        ("encoder", config.encoder_layers, config.encoder_heads),
        ("decoder", config.decoder_layers, config.decoder_heads),
    ):
        attentions = [f"{side}/layer_{number}/self_attention" for number in range(layers)]
        for attention in attentions:
            known |= {f"{attention}/{RELATIVE_BIAS}", f"{attention}/{RELATIVE_DISTANCE}"}
            problems += _relative_problems(file, attention, attentions[0], heads)
    return known, problems


def _relative_problems(
    file: CTranslate2File, attention: str, first: str, heads: int
) -> Iterator[str]:
    bias, distance = f"{attention}/{RELATIVE_BIAS}", f"{attention}/{RELATIVE_DISTANCE}"
    table, furthest = file.find(bias), file.number(distance)
    rank = 2
    if table is None or len(table.shape) != rank or table.shape[1] != heads:
        found = "is missing" if table is None else f"has shape {table.shape}"
        yield f"{bias} {found}; (buckets, {heads}) is needed"
        return
    buckets = table.shape[0]
    if buckets < LEAST_BUCKETS:
        yield f"{bias} has {buckets} buckets; {LEAST_BUCKETS} or more are needed"
    elif not isinstance(furthest, int) or not buckets // 2 < furthest < MOST_DISTANCE:
        yield f"{distance} is {furthest}; a whole number above {buckets // 2} is needed"
    elif furthest != file.number(f"{first}/{RELATIVE_DISTANCE}") or not _same(
        file, bias, f"{first}/{RELATIVE_BIAS}"
    ):
        yield (
            f"{bias} or its distance differs from those of {first}: each layer has its own, as in "
            "UMT5; only one table for all layers of a side is supported"
        )


def native_tensors(
    file: CTranslate2File, architecture: Architecture, sizes: Sizes
) -> dict[str, Stored]:
    """All of a model without misfits but positions; zero starts have a token of their own."""
    native: dict[str, Stored] = {}
    for want in _all(file, architecture.config, sizes):
        if want.natives and file.find(want.name) is not None:
            parts = file.tensor(want.name).chunk(len(want.natives))
            for name, part in zip(want.natives, parts, strict=True):
                native[name] = Stored(want.name, part)
    if (factor := architecture.folded_activation) != 1.0:
        _fold(native, factor, "gate" if architecture.config.gated else "widen")
    if (scale := architecture.output_scale) != 1.0:
        for name in ("decoder.final_norm.weight", "decoder.final_norm.bias"):
            if name in native:
                native[name] = Stored(native[name].name, native[name].tensor * scale)
    if architecture.starts_from_zero:
        for name in (weights.TARGETS, weights.OUTPUT, weights.OUTPUT_BIAS):
            if name in native:
                stored, tensor = native[name]
                row = tensor.new_zeros(1, *tensor.shape[1:])
                native[name] = Stored(stored, torch.cat([tensor, row]))
    return native


def _fold(native: dict[str, Stored], factor: float, activated: str) -> None:
    for name, (stored, tensor) in native.items():
        if f".feed_forward.{activated}." in name:
            native[name] = Stored(stored, tensor * factor)
        elif name.endswith(".feed_forward.narrow.weight"):
            native[name] = Stored(stored, tensor / factor)


def relative_tables(file: CTranslate2File, config: TransformerConfig) -> dict[str, Stored]:
    """T5's relative positions of a model without misfits, by their names in the native layout."""
    found = {}
    for side, name in zip(("encoder", "decoder"), weights.RELATIVE_POSITIONS, strict=True):
        attention = f"{side}/layer_0/self_attention"
        bias = f"{attention}/{RELATIVE_BIAS}"
        furthest = file.number(f"{attention}/{RELATIVE_DISTANCE}")
        assert isinstance(furthest, int)
        table = distance_table(
            file.tensor(bias), furthest, config.max_positions, is_encoder=side == "encoder"
        )
        found[name] = Stored(bias, table)
    return found


def find_positions(file: CTranslate2File, sizes: Sizes) -> Positions:
    """As stored, or as CTranslate2 computes them: fairseq's sinusoids from the place 1 on."""
    tables = []
    for name in POSITIONS:
        if file.find(name) is not None:
            table = file.tensor(name)[: sizes.positions]
        else:
            table = fairseq_sinusoids(sizes.positions, sizes.dim, first=1)
        tables.append(Stored(name, table))
    return Positions(tables[0], tables[1])


def _all(file: CTranslate2File, config: TransformerConfig, sizes: Sizes) -> Iterator[Wanted]:
    dim = sizes.dim
    yield Wanted(TARGETS, (sizes.vocabulary, dim), [weights.TARGETS])
    source = source_name(file)
    if sizes.source_vocabulary is None:
        yield Wanted(source, (sizes.vocabulary, dim), [])
    else:
        yield Wanted(source, (sizes.source_vocabulary, dim), [weights.SOURCES])
    natives = [] if config.tied_output else [weights.OUTPUT]
    yield Wanted(OUTPUT, (sizes.vocabulary, dim), natives)
    yield Wanted(OUTPUT_BIAS, (sizes.vocabulary,), [weights.OUTPUT_BIAS], is_needed=False)
    for side, layers, hidden in (
        ("encoder", config.encoder_layers, sizes.encoder_hidden),
        ("decoder", config.decoder_layers, sizes.decoder_hidden),
    ):
        parts = _Parts(side, dim, hidden, gated=config.gated, rms_norm=config.rms_norm)
        if config.embedding_norm:
            yield from parts.norm(f"{side}/layernorm_embedding", f"{side}.embedding_norm")
        if config.final_norm:
            yield from parts.norm(f"{side}/layer_norm", f"{side}.final_norm")
        for number in range(layers):
            yield from parts.layer(number)


@dataclass(frozen=True)
class _Parts:
    """The layers of one side."""

    side: str
    dim: int
    hidden: int
    gated: bool
    rms_norm: bool

    def layer(self, number: int) -> Iterator[Wanted]:
        dim, hidden = self.dim, self.hidden
        theirs, ours = f"{self.side}/layer_{number}", f"{self.side}.layers.{number}"
        attention, own = f"{theirs}/self_attention", f"{ours}.self_attention"
        query, key, value = (f"{own}.{part}" for part in ("query", "key", "value"))
        yield from _linear(f"{attention}/linear_0", [query, key, value], dim, dim)
        yield from _linear(f"{attention}/linear_1", [f"{own}.output"], dim, dim)
        yield from self.norm(f"{attention}/layer_norm", f"{own}_norm")
        if self.side == "decoder":
            attention, own = f"{theirs}/attention", f"{ours}.cross_attention"
            yield from _linear(f"{attention}/linear_0", [f"{own}.query"], dim, dim)
            yield from _linear(f"{attention}/linear_1", [f"{own}.key", f"{own}.value"], dim, dim)
            yield from _linear(f"{attention}/linear_2", [f"{own}.output"], dim, dim)
            yield from self.norm(f"{attention}/layer_norm", f"{own}_norm")
        widen = f"{ours}.feed_forward.widen"
        if self.gated:  # what is activated comes first
            yield from _linear(f"{theirs}/ffn/linear_0", [f"{ours}.feed_forward.gate"], hidden, dim)
            yield from _linear(f"{theirs}/ffn/linear_0_noact", [widen], hidden, dim)
        else:
            yield from _linear(f"{theirs}/ffn/linear_0", [widen], hidden, dim)
        yield from _linear(f"{theirs}/ffn/linear_1", [f"{ours}.feed_forward.narrow"], dim, hidden)
        yield from self.norm(f"{theirs}/ffn/layer_norm", f"{ours}.feed_forward_norm")

    def norm(self, name: str, native: str) -> Iterator[Wanted]:
        yield Wanted(f"{name}/gamma", (self.dim,), [f"{native}.weight"])
        if not self.rms_norm:
            yield Wanted(f"{name}/beta", (self.dim,), [f"{native}.bias"])


def _linear(name: str, natives: Sequence[str], outputs: int, inputs: int) -> Iterator[Wanted]:
    """Several of one input, each of `outputs`; what has no bias has one of zeros."""
    rows = outputs * len(natives)
    yield Wanted(f"{name}/{WEIGHT}", (rows, inputs), [f"{each}.weight" for each in natives])
    biases = [f"{each}.bias" for each in natives]
    yield Wanted(f"{name}/{BIAS}", (rows,), biases, is_needed=False)
