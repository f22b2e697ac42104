"""Greedy decoding with a model's own modules."""

import math

import torch
from torch import Tensor

from dragoman_export.model import Prompt
from dragoman_export.verification import ModuleDecoder

START, END = 0, 1

VOCABULARY = 8


class Counting:
    """Says the source's first token, and then the next number after the last one said."""

    def encode(self, sources: Tensor, is_padding: Tensor) -> Tensor:
        assert not sources[is_padding].any()
        return sources[:, :1]

    def next_logits(self, memory: Tensor, is_padding: Tensor, targets: Tensor) -> Tensor:
        assert len(memory) == len(is_padding) == len(targets)
        assert (targets[:, 0] == START).all()
        following = torch.where(targets[:, -1] == START, memory[:, 0], targets[:, -1] + 1)
        logits = torch.zeros(len(targets), VOCABULARY)
        logits[torch.arange(len(targets)), following % VOCABULARY] = 3.0
        logits[:, 2] = 1.0
        return logits


def decode(*prompts: Prompt, limit: int = 5, suppressed: tuple[int, ...] = ()) -> list[list[int]]:
    decoder = ModuleDecoder(Counting(), START, END, suppressed)
    return [each.token_ids for each in decoder.decode(prompts, limit)]


def test_each_text_is_told_to_its_end_or_the_limit() -> None:
    assert decode(Prompt([3]), Prompt([6, 4]), limit=3) == [[3, 4, 5], [6, 7, 0]]
    assert decode(Prompt([6, 4, 2]), Prompt([1])) == [[6, 7, 0, 6, 7], [1]]


def test_texts_that_begin_unlike_are_told_beside_each_other() -> None:
    begun = decode(Prompt([3]), Prompt([3], [4]), Prompt([3], [5, 6]), limit=2)
    assert begun == [[3, 4], [5, 6], [7, 0]]


def test_what_is_suppressed_is_never_said_and_has_no_probability() -> None:
    decoder = ModuleDecoder(Counting(), START, END, [3, 5])
    (found,) = decoder.decode([Prompt([3])], 1)
    assert found.token_ids == [2]
    assert math.isclose(found.log_probs[0], 1 - math.log(math.e + VOCABULARY - 3), rel_tol=1e-5)
    assert math.isclose(found.margins[0], 1.0, rel_tol=1e-5)
