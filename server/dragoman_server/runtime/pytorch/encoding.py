"""Sentences through a bundle's encoder, in padded batches.

Knows tokens and tensors; knows nothing of rows or caches.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dragoman_server.runtime.packing import batches
from dragoman_server.runtime.pytorch.graphs import Graph

FEWEST_TOKENS = 4
"""Of a batch: products of fewer rows take other kernels, which add up in another order."""

PLACES = 16
"""Positions that attention looks at are a multiple: so it adds up those that there are in one
order, whatever the longest of a batch is."""

CPU = torch.device("cpu")


class Encoded(NamedTuple):
    """What the encoder makes of some sentences."""

    lengths: list[int]
    """Tokens of each."""

    key_values: Tensor
    """(2*layers, sentences or more, heads, source, head_dim)."""


def rounded(positions: int) -> int:
    """Up to a multiple of PLACES."""
    return -(-positions // PLACES) * PLACES


def encode(
    encoder: Graph,
    sentences: Sequence[Sequence[int]],
    device: torch.device = CPU,
    *,
    alone: bool,
) -> Iterator[Encoded]:
    """Encodes sentences in their order.

    Args:
        encoder: The bundle's.
        sentences: Token ids of each, one or more.
        device: That the encoder is on.
        alone: Whether each is a batch of its own.
    """
    divided = [[each] for each in sentences] if alone else batches(sentences)
    for batch in divided:
        token_ids, mask = _padded(batch)
        with torch.inference_mode():
            key_values = encoder(
                torch.from_numpy(token_ids).to(device), torch.from_numpy(mask).to(device)
            )
        yield Encoded([len(ids) for ids in batch], key_values)


def _padded(batch: Sequence[Sequence[int]]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Returns token ids and mask, (sentences, source); a further sentence follows few tokens."""
    lengths = [len(ids) for ids in batch]
    if sum(lengths) < FEWEST_TOKENS:
        lengths.append(FEWEST_TOKENS)
    source = rounded(max(lengths))
    token_ids = np.zeros((len(lengths), source), np.int64)
    for row, ids in zip(token_ids, batch, strict=False):
        row[: len(ids)] = ids
    return token_ids, np.arange(source) < np.array(lengths)[:, None]
