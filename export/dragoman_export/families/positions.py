"""Position tables: what is added to the embedding at each place, (positions, dim).

Knows the two kinds of sinusoids, and tables that were learned. Does not know which family has
which.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from dragoman_export.families.weights import POSITIONS, Stored


class Positions(NamedTuple):
    """The tables of sources and targets."""

    sources: Stored
    targets: Stored
    problems: Sequence[str] = ()
    """What is not as it must be."""

    @property
    def differ(self) -> bool:
        """Whether there are two."""
        sources, targets = self.sources.tensor, self.targets.tensor
        return sources.shape != targets.shape or not torch.equal(sources.float(), targets.float())

    def native_tensors(self) -> dict[str, Stored]:
        """By their names in the native layout."""
        return dict(zip(POSITIONS, (self.sources, self.targets), strict=True))


def sinusoids(positions: int, dim: int) -> Tensor:
    """Sines in the first half, cosines in the second, as Marian has them.

    Source: Vaswani et al. 2017, section 3.5, in another order of columns. In float64 until the end,
    as transformers does it.
    """
    frequencies = 1 / 10000 ** (torch.arange(0, dim, 2, dtype=torch.float64) / dim)
    angles = torch.arange(positions, dtype=torch.float64)[:, None] * frequencies
    return torch.cat([angles.sin(), angles[:, : dim // 2].cos()], dim=1).float()


def interleaved_sinusoids(positions: int, dim: int) -> Tensor:
    """The same with sines in the even columns and cosines in the odd ones, as in the paper."""
    halves = sinusoids(positions, dim)
    table = torch.empty_like(halves)
    sines = (dim + 1) // 2
    table[:, 0::2], table[:, 1::2] = halves[:, :sines], halves[:, sines:]
    return table


def fairseq_sinusoids(positions: int, dim: int, *, first: int) -> Tensor:
    """The same as fairseq has them: the lowest frequency is 1/10000, and tables do not begin at 0.

    Source: fairseq's `SinusoidalPositionalEmbedding`, in float32 as there.

    Args:
        positions: Rows of the table.
        dim: Columns; the last of an odd number is zero.
        first: Number of the first place, which is the padding token's id plus 1.
    """
    half = dim // 2
    frequencies = torch.exp(
        torch.arange(half, dtype=torch.int64).float() * -(math.log(10000) / (half - 1))
    )
    numbers = torch.arange(first + positions, dtype=torch.int64).float()
    angles = numbers[:, None] * frequencies[None]
    table = torch.cat([angles.sin(), angles.cos(), torch.zeros(len(angles), dim % 2)], dim=1)
    return table[first:]


def is_rounded(table: Tensor, exact: Tensor) -> bool:
    """Whether it is the exact one in any type that checkpoints are stored in."""
    types = (torch.float32, torch.float16, torch.bfloat16)
    return any(torch.allclose(table.float(), exact.to(each).float(), atol=1e-3) for each in types)
