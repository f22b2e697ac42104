"""An output projection that is looked through in 8 bits before it is computed in float32.

Knows what bounds the error of an 8-bit product. Does not know how weights are brought to 8 bits.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from dragoman_export.network import operators

ROUNDING = 2.0**-24
"""Of one operation in float32, relative."""

WIDER = 1 + 1e-3
"""Norms of errors are float32 sums themselves: they count as so much larger."""


class ScreenedLinear(nn.Module):
    """x (rows, in) -> x @ embedding.T + bias (vocab,), with an int8 copy of the embedding beside.

    For token v, of weights w and of w' in the copy, and for a state x that is x' in steps of its
    row, |x w - x' w'| <= |x| |w - w'| + |x - x'| |w'| (Cauchy and Schwarz).
    """

    steps: Tensor
    scale: Tensor
    mask: Tensor
    errors: Tensor
    lengths: Tensor
    group_errors: Tensor
    group_lengths: Tensor
    slack: Tensor
    end_id: Tensor

    def __init__(
        self, embedding: nn.Embedding, bias: Tensor, steps: Tensor, scale: Tensor, end_id: int
    ) -> None:
        """Takes the layer as it is, and its copy.

        Args:
            embedding: (vocab, in), vocab in whole groups of GROUP_SIZE.
            bias: (vocab,), 0 and SUPPRESSED_BIAS.
            steps: (in, vocab) int8.
            scale: (vocab,), what one step of each token is worth.
            end_id: The token that a second best one may have to stand in for.
        """
        super().__init__()
        self.embedding = embedding
        self.bias = nn.Parameter(bias, requires_grad=False)
        self.register_buffer("steps", steps)
        self.register_buffer("scale", scale)
        self.register_buffer("end_id", torch.tensor(end_id))
        self.register_buffer("mask", bias / operators.SMALLEST_ROW_SCALE)
        weight, copied = embedding.weight.detach(), steps.t() * scale[:, None]
        errors = torch.linalg.vector_norm(weight - copied, dim=1) * WIDER
        lengths = torch.linalg.vector_norm(copied, dim=1) * WIDER
        for name, bound in (("errors", errors), ("lengths", lengths)):
            grouped = bound.reshape(-1, operators.GROUP_SIZE)
            self.register_buffer(name, grouped)
            self.register_buffer(f"group_{name}", grouped.amax(dim=1)[None])
        # Of two logits, each once in either order of summation: |sum| is off by at most
        # in * ROUNDING * |x| |w| (Higham 2002, section 3.1); one more for all else.
        longest = torch.linalg.vector_norm(weight, dim=1).amax() * WIDER
        self.register_buffer("slack", 5 * weight.shape[1] * ROUNDING * longest)

    def forward(self, x: Tensor) -> Tensor:
        """Logits, (rows, vocab)."""
        logits: Tensor = functional.linear(x, self.embedding.weight, self.bias)
        return logits

    def candidates(
        self, x: Tensor, count: Tensor, with_normalizers: Tensor, wanted_ids: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """What a step returns of x; see operators.screened_candidates."""
        found: tuple[Tensor, Tensor, Tensor, Tensor] = operators.screened_candidates(
            x, self.embedding.weight, self.bias, self.steps, self.scale, self.mask,
            self.errors, self.lengths, self.group_errors, self.group_lengths, self.slack,
            self.end_id, count, with_normalizers, wanted_ids,
        )  # fmt: skip
        return found
