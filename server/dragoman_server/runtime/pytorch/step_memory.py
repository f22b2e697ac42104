"""The memory that recorded steps read and write, the same at each: on the host and on the device.

Inputs of a step lie in one buffer and its candidates in another, so that each is one transfer.
Knows rows, tokens and logits; does not know caches, nor what records.
"""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

INPUTS = 3
"""Numbers of a row: its token, its position, and the last one of its source."""


class StepMemory:
    """Of one engine."""

    def __init__(
        self,
        staging: Callable[[int], Tensor],
        device: torch.device,
        *,
        rows: int,
        candidates: int,
        vocabulary: int,
    ) -> None:
        """Allocates it.

        Args:
            staging: Returns so many int64 words of the host that the device reads and writes.
            device: Where the steps run.
            rows: Most of a step.
            candidates: Of each row, that come to the host.
            vocabulary: Tokens that there are logits of.
        """
        self._candidates = candidates
        self._sent = staging(INPUTS * rows)
        self._inputs = torch.zeros_like(self._sent, device=device)
        self._received = staging(rows * candidates)  # an id and a number are a word
        self._results = torch.zeros_like(self._received, device=device)
        self._log_probs = torch.zeros((rows, vocabulary), device=device)

    def write(self, rows: int, given: NDArray[np.int64]) -> None:
        """Lays out a step's inputs on the host.

        Args:
            rows: Of the step.
            given: (INPUTS, rows or fewer); the others get zeros.
        """
        staged = self._sent[: INPUTS * rows].numpy().reshape(INPUTS, rows)
        staged[:, given.shape[1] :] = 0
        staged[:, : given.shape[1]] = given

    def inputs(self, rows: int) -> Tensor:
        """Sends them to the device, as a part of the step: (INPUTS, rows)."""
        words = INPUTS * rows
        self._inputs[:words].copy_(self._sent[:words], non_blocking=True)
        return self._inputs[:words].view(INPUTS, rows)

    def keep(self, logits: Tensor) -> None:
        """Fetches the best candidates of logits, as a part of the step.

        Args:
            logits: (rows, vocabulary or more); what there is no token of is minus infinity.
        """
        rows = len(logits)
        log_probs = self._log_probs[:rows]
        logits = logits[:, : log_probs.shape[1]]
        torch.sub(logits, logits.logsumexp(1, keepdim=True), out=log_probs)
        best = log_probs.topk(self._candidates)
        words = rows * self._candidates
        results = self._halves(self._results[:words], rows)
        results[0].copy_(best.indices)
        results[1].view(torch.float32).copy_(best.values)
        self._received[:words].copy_(self._results[:words], non_blocking=True)

    def read(self, rows: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Ids and log-probabilities that have come, (rows, candidates) each."""
        received = self._halves(self._received[: rows * self._candidates], rows)
        return received[0].numpy().astype(np.int64), received[1].view(torch.float32).numpy()

    def wanted(self, rows: int, ids: NDArray[np.int64]) -> NDArray[np.float32]:
        """Log-probabilities of these tokens after the last step, (rows, wanted): a transfer."""
        index = torch.from_numpy(ids).to(self._log_probs.device)
        found: NDArray[np.float32] = self._log_probs[:rows].index_select(1, index).cpu().numpy()
        return found

    def _halves(self, words: Tensor, rows: int) -> Tensor:
        """(2, rows, candidates) int32 in so many words."""
        return words.view(torch.int32).view(2, rows, self._candidates)
