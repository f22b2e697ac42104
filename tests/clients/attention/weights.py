"""Attention that looks like that of a model, without one: the same numbers each time."""

import math
from array import array
from collections.abc import Sequence

from dragoman.results import Attention, AttentionWeights

SOURCE = (
    *("▁The", "▁animal", "▁didn", "'", "t", "▁cross", "▁the", "▁street"),
    *("▁because", "▁it", "▁was", "▁too", "▁tired", ".", "</s>"),
)
TARGET = (
    *("▁Das", "▁Tier", "▁überquert", "e", "▁die", "▁Straße", "▁nicht", ","),
    *("▁weil", "▁es", "▁zu", "▁müde", "▁war", ".", "</s>"),
)


def weights(
    layers: int, heads: int, queries: int, keys: int, *, causal: bool = False
) -> AttentionWeights:
    """Each head looks at a distance of its own; the weights of a query sum up to one."""
    values = array("f")
    for layer in range(layers):
        for head in range(heads):
            for query in range(queries):
                seen = query + 1 if causal else keys
                middle = (query * keys / queries + (head - 1) * (layer + 1)) % seen
                scores = [
                    math.exp(-((key - middle) ** 2) / (0.3 + head)) if key < seen else 0.0
                    for key in range(keys)
                ]
                values.extend(score / sum(scores) for score in scores)
    return AttentionWeights((layers, heads, queries, keys), values)


def attention(
    source: Sequence[str] = SOURCE,
    target: Sequence[str] = TARGET,
    *,
    layers: int = 2,
    heads: int = 4,
    recurrent: bool = False,
) -> Attention:
    """Returns that of a translation; encoder and decoder have as many layers and heads."""
    m, n = len(source), len(target)
    return Attention(
        source_tokens=tuple(source),
        target_tokens=tuple(target),
        encoder=weights(layers, heads, m, m),
        decoder=weights(0, 0, 0, 0) if recurrent else weights(layers, heads, n, n, causal=True),
        cross=weights(layers, heads, n, m),
    )
