"""The best of a vocabulary's logits, and what makes log-probabilities of them."""

# Shape rules have their kernel's signature.
# ruff: noqa: ARG001

import torch
from torch import Tensor

GROUP_SIZE = 128
"""Logits a group of the top-k; the vocabulary is padded to whole groups."""

SUPPRESSED_BIAS = -1e9
"""Of the output for what is never generated: its probability is 0 in float32."""


@torch.library.custom_op("dragoman::best_candidates", mutates_args=())
def best_candidates(logits: Tensor, count: Tensor) -> tuple[Tensor, Tensor]:
    """The `count` (1,) largest of each row, best first: values and ids, (rows, count) each."""
    values, ids = torch.topk(logits, int(count), dim=1)
    return values, ids


@best_candidates.register_fake
def _(logits: Tensor, count: Tensor) -> tuple[Tensor, Tensor]:
    candidates = torch.library.get_ctx().new_dynamic_size(min=1)
    values = logits.new_empty((logits.shape[0], candidates))
    return values, torch.empty_like(values, dtype=torch.int64)


@torch.library.custom_op("dragoman::log_normalizers", mutates_args=())
def log_normalizers(logits: Tensor, best: Tensor, best_ids: Tensor, wanted: Tensor) -> Tensor:
    """Log of the sum of the exponentials of each row, (rows,); zeros unless `wanted`.

    Args:
        logits: (rows, vocab).
        best: (rows, candidates), some of each row.
        best_ids: (rows, candidates) int64, where they stand.
        wanted: () bool.
    """
    if not bool(wanted):
        return logits.new_zeros(logits.shape[0])
    first = best_ids[:, :1]
    return (best[:, :1] - logits.log_softmax(dim=1).gather(1, first)).squeeze(1)


@log_normalizers.register_fake
def _(logits: Tensor, best: Tensor, best_ids: Tensor, wanted: Tensor) -> Tensor:
    return logits.new_empty((logits.shape[0],))


@torch.library.custom_op("dragoman::scaled_log_normalizers", mutates_args=())
def scaled_log_normalizers(
    logits: Tensor, scale: Tensor, best: Tensor, best_ids: Tensor, wanted: Tensor
) -> Tensor:
    """Likewise, of logits that are still to be multiplied by `scale` (rows, 1), as `best` is."""
    normalizers: Tensor = log_normalizers(logits * scale, best, best_ids, wanted)
    return normalizers


@scaled_log_normalizers.register_fake
def _(logits: Tensor, scale: Tensor, best: Tensor, best_ids: Tensor, wanted: Tensor) -> Tensor:
    return logits.new_empty((logits.shape[0],))
