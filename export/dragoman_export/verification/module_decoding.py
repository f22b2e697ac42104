"""Greedy decoding with a model's own modules, everything anew at each step.

Knows what modules say of a few tokens. Does not know who made them.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from dragoman_export.model import Modules, Prompt
from dragoman_export.verification.hypothesis import Hypothesis


class ModuleDecoder:
    """Best token after best token, without caches."""

    def __init__(
        self, modules: Modules, start_id: int, end_id: int, suppressed_ids: Sequence[int]
    ) -> None:
        """Takes modules that are ready to run.

        Args:
            modules: Of the model.
            start_id: What a translation begins with.
            end_id: What it ends with.
            suppressed_ids: Never said.
        """
        self._modules = modules
        self._start_id = start_id
        self._end_id = end_id
        self._suppressed = list(suppressed_ids)

    @torch.inference_mode()
    def decode(self, prompts: Sequence[Prompt], limit: int) -> list[Hypothesis]:
        """See `verify.Decoder`."""
        sources, is_padding = _padded([prompt.source_ids for prompt in prompts])
        encoded = _Encoded(self._modules.encode(sources, is_padding), is_padding)
        hypotheses = [Hypothesis() for _ in prompts]
        begun = [[self._start_id, *prompt.target_ids] for prompt in prompts]
        # Rows that begin unlike are told apart by their lengths: modules know no padded targets.
        for length in {len(ids) for ids in begun}:
            rows = [row for row, ids in enumerate(begun) if len(ids) == length]
            self._decode(rows, begun, hypotheses, encoded, limit)
        return hypotheses

    def _decode(
        self,
        rows: list[int],
        begun: Sequence[Sequence[int]],
        hypotheses: Sequence[Hypothesis],
        encoded: "_Encoded",
        limit: int,
    ) -> None:
        """Rows that begin with as many tokens."""
        for _ in range(limit):
            if not rows:
                return
            said = torch.tensor([[*begun[row], *hypotheses[row].token_ids] for row in rows])
            memory, is_padding = encoded.memory[rows], encoded.is_padding[rows]
            logits = self._modules.next_logits(memory, is_padding, said)
            logits[:, self._suppressed] = -torch.inf
            values, ids = logits.log_softmax(dim=1).topk(2, dim=1)
            for place, row in enumerate(rows):
                best, next_best = values[place].tolist()
                hypotheses[row].add(int(ids[place, 0]), best, best - next_best)
            rows = [row for row in rows if hypotheses[row].token_ids[-1] != self._end_id]


class _Encoded(NamedTuple):
    memory: Tensor
    """What the encoder says, (rows, source, dim)."""
    is_padding: Tensor
    """(rows, source)."""


def _padded(sources: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    """Tokens and where there are none, (rows, source)."""
    longest = max(map(len, sources))
    ids = torch.tensor([[*each, *[0] * (longest - len(each))] for each in sources])
    lengths = torch.tensor([len(each) for each in sources])
    return ids, torch.arange(longest)[None] >= lengths[:, None]
