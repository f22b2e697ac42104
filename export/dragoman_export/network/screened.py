"""An output projection that is looked through in 8 bits before it is computed in float32.

Knows what bounds the error of an 8-bit product. Does not know how weights are brought to 8 bits.
"""

# The graph alone uses the copy and its bounds; operators take their tensors by position.
# ruff: noqa: ARG001, PLR0917

import torch
from torch import Tensor, nn
from torch.nn import functional

from dragoman_export.network import operators

SCREENED_COUNT = 2
"""Most candidates that are looked for in 8 bits: the best, and another where that may be forbidden.
"""

SCREENED_GROUPS = 8
"""Groups of which the best tokens are looked for where logits are screened."""

SCREENED_CANDIDATES = 16
"""Tokens of those whose logits are computed in float32.

Of 4,000 states of the shipped model one in 1,300 has its best token unproven so, with 8 tokens of 4
groups one in 70, with 32 of 16 one in 2,000.
"""

ROUNDING = 2.0**-24
"""Of one operation in float32, relative."""

WIDER = 1 + 1e-3
"""Norms of errors are float32 sums themselves: they count as so much larger."""

TOKENS = 4096
"""Whose norms are computed at a time: what is needed beside is as large several times over."""


@torch.library.custom_op("dragoman::screened_candidates", mutates_args=())
def screened_candidates(
    x: Tensor,
    weight: Tensor,
    bias: Tensor,
    steps: Tensor,
    scale: Tensor,
    mask: Tensor,
    errors: Tensor,
    lengths: Tensor,
    group_errors: Tensor,
    group_lengths: Tensor,
    slack: Tensor,
    end_id: Tensor,
    count: Tensor,
    with_normalizers: Tensor,
    wanted_ids: Tensor,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Best candidates, log-normalizers and wanted logits of x @ weight.T + bias.

    Where no more is asked for than up to SCREENED_COUNT candidates, the best may be found in 8 bits
    if it is proven to be that of the float32 product: then its logit is that product's but for
    rounding. The second, which is asked for where the end token may be forbidden, is proven where
    the best is that; elsewhere any good one may stand for it. In all else this is
    `best_candidates`, `log_normalizers` and a choice of columns.

    Args:
        x: (rows, in) float32.
        weight: (vocab, in).
        bias: (vocab,), 0 and SUPPRESSED_BIAS.
        steps: (in, vocab) int8, the weights in steps of a size for each token.
        scale: (vocab,), what one step is worth.
        mask: (vocab,), the bias in steps of whatever row.
        errors: (groups, GROUP_SIZE), at least the norm of each token's error of rounding.
        lengths: (groups, GROUP_SIZE), at least the norm of each token's rounded weights.
        group_errors: (1, groups), the largest of each group.
        group_lengths: (1, groups), likewise.
        slack: () by how much more than by 0 the best must lead, for each unit of a row's norm.
        end_id: () int64, of the end token.
        count: (1,) int64, candidates.
        with_normalizers: () bool.
        wanted_ids: (wanted,) int64.

    Returns:
        Ids and logits (rows, count), log-normalizers (rows,), zeros where they are not wanted, and
        the logits of the wanted tokens, (rows, wanted).
    """
    logits = torch.addmm(bias, x, weight.t())
    best, ids = operators.best_candidates(logits, count)
    normalizers = operators.log_normalizers(logits, best, ids, with_normalizers)
    return ids, best, normalizers, logits.index_select(1, wanted_ids)


@screened_candidates.register_fake
def _(
    x: Tensor,
    weight: Tensor,
    bias: Tensor,
    steps: Tensor,
    scale: Tensor,
    mask: Tensor,
    errors: Tensor,
    lengths: Tensor,
    group_errors: Tensor,
    group_lengths: Tensor,
    slack: Tensor,
    end_id: Tensor,
    count: Tensor,
    with_normalizers: Tensor,
    wanted_ids: Tensor,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    candidates = torch.library.get_ctx().new_dynamic_size(min=1)
    values = x.new_empty((x.shape[0], candidates))
    ids = torch.empty_like(values, dtype=torch.int64)
    return ids, values, x.new_empty((x.shape[0],)), x.new_empty((x.shape[0], wanted_ids.shape[0]))


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
        weight = embedding.weight.detach()
        errors, lengths, own_lengths = _norms(weight, steps, scale)
        for name, bound in (("errors", errors), ("lengths", lengths)):
            grouped = bound.reshape(-1, operators.GROUP_SIZE)
            self.register_buffer(name, grouped)
            self.register_buffer(f"group_{name}", grouped.amax(dim=1)[None])
        # Of two logits, each once in either order of summation: |sum| is off by at most
        # in * ROUNDING * |x| |w| (Higham 2002, section 3.1); one more for all else.
        self.register_buffer("slack", 5 * weight.shape[1] * ROUNDING * own_lengths.amax())

    def forward(self, x: Tensor) -> Tensor:
        """Logits, (rows, vocab)."""
        logits: Tensor = functional.linear(x, self.embedding.weight, self.bias)
        return logits

    def candidates(
        self, x: Tensor, count: Tensor, with_normalizers: Tensor, wanted_ids: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """What a step returns of x; see screened_candidates."""
        found: tuple[Tensor, Tensor, Tensor, Tensor] = screened_candidates(
            x, self.embedding.weight, self.bias, self.steps, self.scale, self.mask,
            self.errors, self.lengths, self.group_errors, self.group_lengths, self.slack,
            self.end_id, count, with_normalizers, wanted_ids,
        )  # fmt: skip
        return found


def _norms(weight: Tensor, steps: Tensor, scale: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Of each token's error of rounding, its rounded weights and its weights, a little too much.

    Args:
        weight: (vocab, in).
        steps: (in, vocab) int8.
        scale: (vocab,).

    Returns:
        Three times (vocab,).
    """
    norms = torch.empty(3, len(weight))
    for first in range(0, len(weight), TOKENS):
        tokens = slice(first, first + TOKENS)
        own, copied = weight[tokens], steps[:, tokens].t() * scale[tokens, None]
        for row, each in enumerate((own - copied, copied, own)):
            norms[row, tokens] = torch.linalg.vector_norm(each, dim=1) * WIDER
    errors, lengths, own_lengths = norms
    return errors, lengths, own_lengths
