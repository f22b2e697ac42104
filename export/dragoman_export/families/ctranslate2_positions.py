"""Where a CTranslate2 model has its positions: stored, computed, or as T5's relative ones.

Source: CTranslate2, `src/layers/common.cc` and `src/layers/attention.cc`. Does not know other
weights.
"""

from collections.abc import Iterator

from dragoman_export.checkpoints.ctranslate2_file import CTranslate2File
from dragoman_export.families import weights
from dragoman_export.families.ctranslate2_settings import RELATIVE_BIAS, RELATIVE_DISTANCE, Sizes
from dragoman_export.families.positions import Positions, fairseq_sinusoids
from dragoman_export.families.t5_tensors import distance_table
from dragoman_export.families.weights import Stored
from dragoman_export.network import TransformerConfig

POSITIONS = ("encoder/position_encodings/encodings", "decoder/position_encodings/encodings")

COMPUTED_POSITIONS = 1024
"""Rows of a table that is not stored: CTranslate2 computes any number of them, and cuts longer
sources off as its `max_input_length` says, which is this."""

MOST_POSITIONS = 65_536

LEAST_BUCKETS, MOST_DISTANCE = 4, 1 << 20
"""Of T5's relative positions."""


def relative_problems(
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
            problems += _problems_of(file, attention, attentions[0], heads)
    return known, problems


def _problems_of(file: CTranslate2File, attention: str, first: str, heads: int) -> Iterator[str]:
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
    elif furthest != file.number(f"{first}/{RELATIVE_DISTANCE}") or not file.is_same(
        bias, f"{first}/{RELATIVE_BIAS}"
    ):
        yield (
            f"{bias} or its distance differs from those of {first}: each layer has its own, as in "
            "UMT5; only one table for all layers of a side is supported"
        )


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
