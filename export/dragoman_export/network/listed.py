"""A decoding step in which each row chooses among the tokens of a list of its own.

The weights of all tokens that any running row may say, their union, are given with each step: the
product runs over them, and each row takes the columns of its list. Sums of integers are exact, so
that what a row gets never depends on what else is in the union, or where.

Knows lists as arrays. Does not know what they are made of, nor how weights are brought to 8 bits.
"""

# A graph takes its tensors by position.
# ruff: noqa: PLR0917

from typing import NamedTuple

from torch import Tensor, nn

from dragoman_export.network import operators
from dragoman_export.network.layers import Cache, SharedSources, Step
from dragoman_export.network.transformer import DecoderStep


class Lists(NamedTuple):
    """Which tokens each row of a step chooses among."""

    union_weight: Tensor
    """(in, union) int8, the output projection's weights of tokens in any order."""

    union_scale: Tensor
    """(union,), what one step of each is worth; 0 for what stands for no token."""

    union_bias: Tensor
    """(union,), likewise its bias; minus infinity."""

    list_columns: Tensor
    """(rows, listed) int64, where the tokens of each row's list stand in the union, and behind them
    where no token stands. `listed` is in whole groups of GROUP_SIZE."""

    list_ids: Tensor
    """(rows, listed) int64, these tokens, ascending; behind them any."""

    wanted_columns: Tensor
    """(wanted,) int64, where the wanted tokens stand in the union."""

    def taken(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        """What each row chooses among, (rows, listed), and what is wanted, (rows, wanted).

        Args:
            logits: (rows, union).
        """
        return logits.gather(1, self.list_columns), logits.index_select(1, self.wanted_columns)


class ListedHead(nn.Module):
    """An output projection whose weights are given with each step."""

    def forward(self, x: Tensor, lists: Lists) -> tuple[Tensor, Tensor]:
        """Logits of x (rows, in), as `Lists.taken` takes them."""
        raise NotImplementedError


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
        union_weight: Tensor,
        union_scale: Tensor,
        union_bias: Tensor,
        list_columns: Tensor,
        list_ids: Tensor,
        wanted_columns: Tensor,
        is_shared: Tensor,  # () bool
        query_index: Tensor,  # (sources, heads * SHARED_ROWS) int64
        attended_index: Tensor,  # (rows, heads) int64
        caches: list[Cache],
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, list[Cache]]:
        """As DecoderStep; normalizers are over the list. Behind its end logits are -inf."""
        sharing = SharedSources(is_shared, query_index, attended_index)
        target_capacity, source_capacity = caches[0].capacities()
        step = Step(positions, source_last, target_capacity, source_capacity, sharing)
        x, new_caches = self.decoder.last_layer(token_ids, step, caches)
        lists = Lists(union_weight, union_scale, union_bias, list_columns, list_ids, wanted_columns)
        logits, wanted = self.head(x, lists)
        best, places = operators.best_candidates(logits, candidate_count)
        normalizers = operators.log_normalizers(logits, best, places, with_normalizers)
        return list_ids.gather(1, places), best, normalizers, wanted, new_caches
