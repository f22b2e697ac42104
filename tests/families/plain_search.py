"""Beam search written out once more, one sentence at a time; it stops as transformers does."""

import math
from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from tests.unwatched import unwatched


class Tokens(NamedTuple):
    """Those with a meaning of their own."""

    begin: Sequence[int]
    """The start token, and what every hypothesis begins with after it: that counts in its length,
    and is no part of it."""
    end: int
    suppressed: Collection[int]


class Found(NamedTuple):
    """What a search came to."""

    ids: list[int]
    """The best hypothesis without its end token."""
    score: float
    """The mean over all its tokens."""
    closest: float
    """How near a hypothesis that was dropped came to one that was kept, in log-probability."""


@torch.inference_mode()
@unwatched()
def search(
    logits_of: Callable[[list[int]], Tensor], tokens: Tokens, beam_size: int, limit: int
) -> Found:
    """Looks for the best hypothesis.

    Args:
        logits_of: Of what comes after these target tokens, those that it begins with included,
            (vocab,).
        tokens: Of the model.
        beam_size: 1 is greedy search.
        limit: Most tokens of a hypothesis.
    """
    before, forced = len(tokens.begin), len(tokens.begin) - 1
    running: list[tuple[list[int], float]] = [([*tokens.begin], 0.0)]
    done: list[tuple[list[int], float]] = []
    closest = math.inf
    for length in range(1, limit + 1):
        longer = []
        for ids, score in running:
            logits = logits_of(ids)
            logits[[i for i in tokens.suppressed if i < len(logits)]] = -math.inf
            best = logits.log_softmax(0).topk(2 * beam_size + 1)
            pairs = zip(best.indices.tolist(), best.values.tolist(), strict=True)
            longer += [([*ids, token], score + more) for token, more in pairs]
        longer.sort(key=lambda each: -each[1])
        ended = [each for each in longer[:beam_size] if each[0][-1] == tokens.end]
        done += [(ids[before:-1], score / (length + forced)) for ids, score in ended]
        done = sorted(done, key=lambda each: -each[1])[:beam_size]
        going = [each for each in longer if each[0][-1] != tokens.end]
        closest = min(closest, going[beam_size - 1][1] - going[beam_size][1])
        running = going[:beam_size]
        if len(done) == beam_size and done[-1][1] >= running[0][1] / (length + forced):
            break
    else:
        # At the limit the end is forced at no cost and counted, but for greedy search.
        length = limit + forced + (beam_size > 1)
        done += [(ids[before:], score / length) for ids, score in running]
    return Found(*max(done, key=lambda each: each[1]), closest)
