"""Beam search written out once more, one sentence at a time; it stops as transformers does."""

import math
from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

import torch
from torch import Tensor


class Tokens(NamedTuple):
    """Those with a meaning of their own."""

    begin: Sequence[int]
    """The start token, and what every hypothesis begins with after it: that counts in its length,
    and is no part of it."""
    end: int
    suppressed: Collection[int]


@torch.inference_mode()
def search(
    logits_of: Callable[[list[int]], Tensor], tokens: Tokens, beam_size: int, limit: int
) -> tuple[list[int], float]:
    """The best hypothesis without its end token, and its score: the mean over all its tokens.

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
    for length in range(1, limit + 1):
        longer = []
        for ids, score in running:
            logits = logits_of(ids)
            logits[[i for i in tokens.suppressed if i < len(logits)]] = -math.inf
            best = logits.log_softmax(0).topk(2 * beam_size)
            pairs = zip(best.indices.tolist(), best.values.tolist(), strict=True)
            longer += [([*ids, token], score + more) for token, more in pairs]
        longer.sort(key=lambda each: -each[1])
        ended = [each for each in longer[:beam_size] if each[0][-1] == tokens.end]
        done += [(ids[before:-1], score / (length + forced)) for ids, score in ended]
        done = sorted(done, key=lambda each: -each[1])[:beam_size]
        running = [each for each in longer if each[0][-1] != tokens.end][:beam_size]
        if len(done) == beam_size and done[-1][1] >= running[0][1] / (length + forced):
            break
    else:
        # At the limit the end is forced at no cost and counted, but for greedy search.
        length = limit + forced + (beam_size > 1)
        done += [(ids[before:], score / length) for ids, score in running]
    return max(done, key=lambda each: each[1])
