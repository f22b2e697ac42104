"""The Simpler Simple Recurrent Unit, which some decoders have in place of self-attention.

Source: Kim et al. 2019, "From Research to Production and Back: Ludicrously Fast Neural Machine
Translation". Knows rows and their states; does not know layers.
"""

import torch
from torch import Tensor


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
