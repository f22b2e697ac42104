"""The variables of CTranslate2's TransformerSpec under the names of the native layout.

Source of the names: CTranslate2, `python/ctranslate2/specs/transformer_spec.py`. Projections of one
input are fused there: queries, keys and values of self-attention, keys and values of
cross-attention. Knows names, shapes, and what is tied to what; does not know what steers a model.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from dragoman_export.checkpoints.ctranslate2_file import SCALE, CTranslate2File
from dragoman_export.families import weights
from dragoman_export.families.ctranslate2_positions import (
    COMPUTED_POSITIONS,
    MOST_POSITIONS,
    POSITIONS,
    relative_problems,
)
from dragoman_export.families.ctranslate2_settings import (
    Architecture,
    Sizes,
)
from dragoman_export.families.equivalents import add_zero_token, fold_sigmoid_gelu
from dragoman_export.families.weights import Stored
from dragoman_export.network import TransformerConfig

TARGETS, OUTPUT, OUTPUT_BIAS = (
    "decoder/embeddings/weight",
    "decoder/projection/weight",
    "decoder/projection/bias",
)
SOURCES = ("encoder/embeddings/weight", "encoder/embeddings_0/weight")
"""Either."""


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
    is_one = file.is_same(source, TARGETS)
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
    return file.find(OUTPUT) is None or file.is_same(OUTPUT, TARGETS)


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
        names, more = relative_problems(file, architecture.config)
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
    if architecture.has_sigmoid_gelu:
        fold_sigmoid_gelu(native, gated=architecture.config.gated)
    if (scale := architecture.output_scale) != 1.0:
        for name in ("decoder.final_norm.weight", "decoder.final_norm.bias"):
            if name in native:
                native[name] = Stored(native[name].name, native[name].tensor * scale)
    if architecture.starts_from_zero:
        add_zero_token(native)
    return native


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
