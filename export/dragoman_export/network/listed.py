"""A decoding step in which each row chooses among the tokens of a list of its own.

The weights of all tokens that any running row may say, their union, are given with each step: the
product runs over them, and each row takes the columns of its list. Sums of integers are exact, so
that what a row gets never depends on what else is in the union, or where.

Knows lists as arrays. Does not know what they are made of, nor how weights are brought to 8 bits.
"""

# Shape rules have their kernel's signature, and a graph takes its tensors by position.
# ruff: noqa: ARG001, PLR0917

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from dragoman_export.network import operators
from dragoman_export.network.layers import Cache, SharedSources, Step
from dragoman_export.network.transformer import DecoderStep

STEP_ZERO = 128
"""What stands for 0 among weights and among activations. Both are unsigned: CPUs without VNNI add
pairs of products of unsigned and signed numbers in 16 bits, and `quantise` sees to it that they do
not clip where it is the weights that are signed; of two unsigned ones no CPU clips the sum."""


@torch.library.custom_op("dragoman::row_steps", mutates_args=())
def row_steps(x: Tensor) -> tuple[Tensor, Tensor]:
    """Brings each row of x (rows, in) to 8 bits by a scale of its own.

    Returns:
        (rows, in) uint8, and what a step of each row is worth, (rows, 1): those of `int8_product`.
    """
    row_scale = (x.abs().amax(dim=1, keepdim=True) * (1 / 127)).clamp_min(
        operators.SMALLEST_ROW_SCALE
    )
    return (torch.round(x / row_scale) + STEP_ZERO).to(torch.uint8), row_scale


@row_steps.register_fake
def _(x: Tensor) -> tuple[Tensor, Tensor]:
    return torch.empty_like(x, dtype=torch.uint8), x.new_empty((x.shape[0], 1))


@torch.library.custom_op("dragoman::calibrated_steps", mutates_args=())
def calibrated_steps(x: Tensor, activation_scale: Tensor) -> Tensor:
    """Brings x (rows, in) to uint8 by one scale () for every row; what lies beyond is clipped."""
    return (torch.round(x / activation_scale) + STEP_ZERO).clamp(0, 255).to(torch.uint8)


@calibrated_steps.register_fake
def _(x: Tensor, activation_scale: Tensor) -> Tensor:
    return torch.empty_like(x, dtype=torch.uint8)


@torch.library.custom_op("dragoman::union_product", mutates_args=())
def union_product(steps: Tensor, weight: Tensor) -> Tensor:
    """Product of steps (rows, in) and weights (union, in), both uint8: (rows, union) int32."""
    whole = (steps.double() - STEP_ZERO) @ (weight.double() - STEP_ZERO).t()
    return whole.to(torch.int32)


@union_product.register_fake
def _(steps: Tensor, weight: Tensor) -> Tensor:
    return steps.new_empty((steps.shape[0], weight.shape[0]), dtype=torch.int32)


class Lists(NamedTuple):
    """Which tokens each row of a step chooses among."""

    union_weight: Tensor
    """(union, in) uint8, the weights of tokens in any order."""

    columns: Tensor
    """(rows, listed) int64, where the tokens of each row's list stand in the union. `listed` is in
    whole groups of GROUP_SIZE."""

    ids: Tensor
    """(rows, listed) int64, these tokens, ascending; behind them the number of all tokens, padding
    counted, which stands for none."""

    wanted_columns: Tensor
    """(wanted,) int64, where the wanted tokens stand in the union."""


class ListedHead(nn.Module):
    """An int8 output projection whose weights are given with each step."""

    scale: Tensor
    bias: Tensor
    activation_scale: Tensor | None

    def __init__(self, scale: Tensor, bias: Tensor, activation_scale: Tensor | None) -> None:
        """Takes what a projection has beside its weights.

        Args:
            scale: (vocab,), what one step of each token's product is worth; where rows have scales
                of their own, before those.
            bias: (vocab,).
            activation_scale: (), of every row; None gives each one of its own.
        """
        super().__init__()
        # One token more stands for none: nothing is as unlikely.
        self.register_buffer("scale", functional.pad(scale, (0, 1)))
        self.register_buffer("bias", functional.pad(bias, (0, 1), value=-torch.inf))
        self.register_buffer("activation_scale", activation_scale)

    def forward(self, x: Tensor, wanted_ids: Tensor, lists: Lists) -> tuple[Tensor, Tensor]:
        """Logits of the listed tokens (rows, listed) and of the wanted ones (rows, wanted)."""
        if self.activation_scale is None:
            steps, row_scale = row_steps(x)
        else:
            steps, row_scale = calibrated_steps(x, self.activation_scale), None
        sums = union_product(steps, lists.union_weight)
        listed = sums.gather(1, lists.columns).float() * _taken(self.scale, lists.ids)
        wanted = sums.index_select(1, lists.wanted_columns).float()
        wanted = wanted * _taken(self.scale, wanted_ids)
        if row_scale is not None:
            listed, wanted = listed * row_scale, wanted * row_scale
        return listed + _taken(self.bias, lists.ids), wanted + _taken(self.bias, wanted_ids)


def _taken(table: Tensor, ids: Tensor) -> Tensor:
    """What a table (tokens,) has for each of `ids`."""
    return functional.embedding(ids, table[:, None]).squeeze(-1)


class ListedStep(nn.Module):
    """As DecoderStep, where each row chooses among its list."""

    def __init__(self, decoder: DecoderStep, head: ListedHead) -> None:
        super().__init__()
        self.decoder = decoder
        self.head = head

    def forward(
        self,
        token_ids: Tensor,  # (rows,) int64
        positions: Tensor,  # (rows,) int32
        source_last: Tensor,  # (sources,) int32
        candidate_count: Tensor,  # (1,) int64, at most `listed`
        with_normalizers: Tensor,  # () bool
        wanted_ids: Tensor,  # (wanted,) int64
        is_shared: Tensor,  # () bool
        query_index: Tensor,  # (sources, heads * SHARED_ROWS) int64
        attended_index: Tensor,  # (rows, heads) int64
        union_weight: Tensor,  # (union, model_dim) uint8
        list_columns: Tensor,  # (rows, listed) int64
        list_ids: Tensor,  # (rows, listed) int64
        wanted_columns: Tensor,  # (wanted,) int64
        caches: list[Cache],
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, list[Cache]]:
        """As DecoderStep; normalizers are over the list. Behind its end logits are -inf."""
        sharing = SharedSources(is_shared, query_index, attended_index)
        target_capacity, source_capacity = caches[0].capacities()
        step = Step(positions, source_last, target_capacity, source_capacity, sharing)
        x, new_caches = self.decoder.last_layer(token_ids, step, caches)
        lists = Lists(union_weight, list_columns, list_ids, wanted_columns)
        logits, wanted = self.head(x, wanted_ids, lists)
        best, places = operators.best_candidates(logits, candidate_count)
        normalizers = operators.log_normalizers(logits, best, places, with_normalizers)
        most = self.decoder.config.padded_vocabulary_size - 1  # no token is one all the same
        ids = list_ids.gather(1, places).clamp_max(most)
        return ids, best, normalizers, wanted, new_caches
