"""Greedy and forced decoding, many sentences at once, over whatever runs a decoding step.

Knows hypotheses and rows. Does not know text, graphs or modules, and takes no care of speed.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from dragoman_export.model import ImportedModel, Prompt
from dragoman_export.verification.hypothesis import Hypothesis

Floats = NDArray[np.float32]


class Best(NamedTuple):
    """The likeliest token of each row."""

    token_ids: NDArray[np.int64]  # (rows,)
    log_probs: Floats  # (rows,)
    margins: Floats  # (rows,), to the next best


class Steps(Protocol):
    """The decoder of a fixed set of rows. A step can be taken again."""

    def best(self, position: int, token_ids: NDArray[np.int64]) -> Best:
        """Feeds every row its token; returns what comes next."""
        ...

    def log_probs(
        self,
        position: int,
        token_ids: NDArray[np.int64],
        wanted: NDArray[np.int64],
        live: Sequence[int],
    ) -> Floats:
        """Likewise; log-probabilities of the tokens `wanted` (rows,) in the rows `live`."""
        ...


class StepwiseDecoder(ABC):
    """Decodes a model's sentences in steps."""

    def __init__(self, model: ImportedModel) -> None:
        self._model = model

    @abstractmethod
    def _steps(self, sources: Sequence[Sequence[int]], limit: int) -> Steps:
        """Encodes `sources`, for targets of at most `limit` tokens."""

    def decode(self, prompts: Sequence[Prompt], limit: int) -> list[Hypothesis]:
        """Best token after best token for each of `prompts`, at most `limit` each.

        All prompts tell equally many tokens of the target, which are not among these.
        """
        told = _told(self._model.decoder_start_id, prompts)
        first = len(told) - 1
        steps = self._steps([prompt.source_ids for prompt in prompts], first + limit)
        for position in range(first):
            steps.best(position, told[position])
        token_ids = told[first]
        hypotheses = [Hypothesis() for _ in prompts]
        unfinished = set(range(len(prompts)))
        for position in range(first, first + limit):
            best = steps.best(position, token_ids)
            for row in sorted(unfinished):
                token_id = int(best.token_ids[row])
                log_prob, margin = float(best.log_probs[row]), float(best.margins[row])
                hypotheses[row].add(token_id, log_prob, margin)
                if token_id == self._model.end_id:
                    unfinished.remove(row)
            if not unfinished:
                break
            token_ids = best.token_ids
        return hypotheses

    def score(
        self, prompts: Sequence[Prompt], targets: Sequence[Sequence[int]]
    ) -> list[list[float]]:
        """Log-probability of every token of each target, given the prompt and those before it."""
        longest = max(len(target) for target in targets)
        told = _told(self._model.decoder_start_id, prompts)
        first = len(told) - 1
        steps = self._steps([prompt.source_ids for prompt in prompts], first + longest)
        for position in range(first):
            steps.best(position, told[position])
        token_ids = told[first]
        scores: list[list[float]] = [[] for _ in prompts]
        for position in range(longest):
            live = [row for row, target in enumerate(targets) if len(target) > position]
            wanted = np.zeros_like(token_ids)
            wanted[live] = [targets[row][position] for row in live]
            log_probs = steps.log_probs(first + position, token_ids, wanted, live)
            for row, log_prob in zip(live, log_probs.tolist(), strict=True):
                scores[row].append(log_prob)
            token_ids = wanted
        return scores


def _told(start_id: int, prompts: Sequence[Prompt]) -> NDArray[np.int64]:
    """What each prompt's target begins with, the start token first, (tokens, prompts)."""
    return np.array([[start_id, *prompt.target_ids] for prompt in prompts], np.int64).T.copy()
