"""The decoding step for a device whose kernels are recorded once and replayed: nothing is chosen.

The number of candidates is fixed and log-probabilities are always computed, so that the graph needs
no control flow and no value from the host. Knows search; does not know layers or ONNX.
"""

# Shape rules have their kernel's signature.

import torch
from torch import Tensor, nn

from dragoman_export.network.layers import Cache, Step
from dragoman_export.network.transformer import DecoderStep

LARGEST_BEAM = 16
"""Widest beam that the candidates suffice for."""

CANDIDATES = 2 * LARGEST_BEAM + 1
"""Of each row: a beam looks at twice its width, and at one more where the end is forbidden."""


@torch.library.custom_op("dragoman::best_tokens", mutates_args=())
def best_tokens(logits: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The likeliest tokens of each row, best first.

    Args:
        logits: (rows, vocab) float32; vocab is a multiple of `operators.GROUP_SIZE`.
        count: How many; no more than a group has.

    Returns:
        Natural-log probabilities and ids, (rows, count) each.
    """
    log_probs, ids = torch.topk(logits.log_softmax(dim=1), count, dim=1)
    return log_probs, ids


@best_tokens.register_fake
def _(logits: Tensor, count: int) -> tuple[Tensor, Tensor]:
    log_probs = logits.new_empty((logits.shape[0], count))
    return log_probs, torch.empty_like(log_probs, dtype=torch.int64)


class DeviceStep(nn.Module):
    """As DecoderStep, with `CANDIDATES` candidates and no choices."""

    def __init__(self, decoder: DecoderStep) -> None:
        super().__init__()
        self.decoder = decoder

    def forward(  # noqa: PLR0917 - a graph takes its tensors by position
        self,
        token_ids: Tensor,  # (rows,) int32
        positions: Tensor,  # (rows,) int32
        source_last: Tensor,  # (rows,) int32
        target_places: Tensor,  # (1,) int32, capacity of the self-attention caches
        source_places: Tensor,  # (1,) int32, capacity of the cross-attention caches
        caches: list[Cache],
    ) -> tuple[Tensor, Tensor, list[Cache]]:
        """Ids and log-probabilities of the candidates, (rows, candidates) each, and the caches."""
        step = Step(positions, source_last, target_places, source_places)
        logits, new_caches = self.decoder.logits(token_ids, step, caches)
        log_probs, ids = best_tokens(logits, CANDIDATES)
        return ids, log_probs, new_caches
