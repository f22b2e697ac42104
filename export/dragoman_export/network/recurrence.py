"""The Simpler Simple Recurrent Unit, which some decoders have in place of self-attention.

Source: Kim et al. 2019, "From Research to Production and Back: Ludicrously Fast Neural Machine
Translation". Knows rows and their states; does not know layers.
"""

import torch
from torch import Tensor
from torch.nn import functional


def recur(x: Tensor, state: Tensor, positions: Tensor) -> tuple[Tensor, Tensor]:
    """One token of every row.

    Args:
        x: (rows, 2 * dim), what each token would have the state be, and then how much of the old
            one it keeps, before the sigmoid.
        state: (rows, dim) float32; what it has for a row at position 0 does not matter. It is read
            before anything is written: the new one may have its memory.
        positions: (rows,) int32.

    Returns:
        What the unit says, (rows, dim) like x, and the new state, like the old one.
    """
    candidate, kept = x.float().chunk(2, dim=1)
    has_begun = (positions > 0)[:, None]
    old = torch.where(has_begun, state, torch.zeros_like(state))
    new = candidate + kept.sigmoid() * (old - candidate)
    return new.relu().to(x.dtype), new


def recur_all(x: Tensor, positions: Tensor, longest: int) -> Tensor:
    """All tokens of sequences that lie one after the other, without a loop over them.

    A token makes of the old state `kept * old + own`, and two tokens one after the other make
    another of that kind: what 1, 2, 4, 8, ... tokens make is put together from halves. It is what
    `recur` says token for token but for float32's rounding, and no sequence sees another.

    Source: Hillis and Steele 1986, "Data Parallel Algorithms"; Martin and Cundy 2018,
    "Parallelizing Linear Recurrent Neural Nets Over Sequence Length".

    Args:
        x: (tokens, 2 * dim), as that of `recur`.
        positions: (tokens,) int64; at 0 a sequence begins.
        longest: Tokens that a sequence has at most.

    Returns:
        What the unit says of each token, (tokens, dim) like x.
    """
    candidate, kept = x.float().chunk(2, dim=1)
    kept = kept.sigmoid()
    own = candidate - kept * candidate
    kept = torch.where((positions > 0)[:, None], kept, torch.zeros_like(kept))
    tokens = 1
    while tokens < longest:
        own = own + kept * _before(own, tokens)
        kept = kept * _before(kept, tokens)
        tokens *= 2
    return own.relu().to(x.dtype)


def _before(x: Tensor, tokens: int) -> Tensor:
    """What so many rows before each row is, of x (rows, dim); 0 where there is none."""
    return functional.pad(x, (0, 0, tokens, 0))[: x.shape[0]]
