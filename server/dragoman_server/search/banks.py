"""The beam of one sequence that must say something: dynamic beam allocation.

After Post and Vilar, "Fast Lexically Constrained Decoding with Dynamic Beam Allocation for Neural
Machine Translation" (NAACL 2018): hypotheses that have said as much of what is required share a
bank, and each bank gets a part of the beam, or those that have said nothing of it, which are always
likelier, would take it all. Hu et al. (NAACL 2019) hand the places out as it is done here, one to
each bank in turn. Here banks count sequences and not tokens, so that few are enough. Knows scores
of one sequence's hypotheses; knows nothing of rows or other sequences.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dragoman_server.search.requirements import Progress, Requirements

FIRST_TOKENS = 4
"""Tokens that are tried at each step of a hypothesis because something begins or goes on with
them, the likeliest ones."""


class Proposals(NamedTuple):
    """The best candidates of a sequence's hypotheses."""

    so_far: NDArray[np.float32]  # (hypotheses,) their scores
    ids: NDArray[np.int64]  # (hypotheses, candidates)
    log_probs: NDArray[np.float32]  # (hypotheses, candidates)
    lowered: NDArray[np.float32]  # (hypotheses, candidates), as other options make them
    log_prob: Callable[[int, int], float]
    """Of a token after a hypothesis, whether or not it is among the candidates."""


class Continuation(NamedTuple):
    """A hypothesis and its next token."""

    score: float
    parent: int
    token: int
    token_score: float
    """What the model says of the token alone."""
    progress: Progress


class BankedBeam:
    """The hypotheses of a sequence, and how far each has come.

    Args:
        requirements: What the sequence must say.
        prefix: What it is told to begin with.
        beam_size: Most hypotheses.
        end_id: Token that ends one.
    """

    def __init__(
        self,
        requirements: Requirements,
        prefix: tuple[int, ...],
        *,
        beam_size: int,
        end_id: int,
    ) -> None:
        self._requirements = requirements
        self._beam_size = beam_size
        self._end_id = end_id
        start = Progress()
        for token in prefix:
            start = requirements.after(start, token)
        self._progress = [start]

    def without_incomplete(self, so_far: NDArray[np.float32]) -> NDArray[np.float32]:
        """Returns scores (1, hypotheses, 1) of which those count that have said all, if any has."""
        complete = np.array([self._requirements.left(each).bank == 0 for each in self._progress])
        if not complete.any():
            return so_far
        kept = np.full_like(so_far, -np.inf)
        kept[0, : len(complete)][complete] = so_far[0, : len(complete)][complete]
        return kept

    def advance(
        self, proposals: Proposals, room: int
    ) -> tuple[list[Continuation], list[Continuation]]:
        """Takes a step.

        Args:
            proposals: Of the running hypotheses, best first.
            room: Tokens that each may still say; more than 0.

        Returns:
            Those that end now, and those that run on, at most beam_size of each, best first.
        """
        ending: list[Continuation] = []
        running: list[Continuation] = []
        for each in self._continuations(proposals, room):
            (ending if each.token == self._end_id else running).append(each)
        kept = self._allot(running)
        self._progress = [each.progress for each in kept]
        complete = [each for each in running if not self._requirements.left(each.progress).bank]
        best = sorted([*ending, *complete], key=_descending)[: self._beam_size]
        return [each for each in best if each.token == self._end_id], kept

    def _continuations(self, proposals: Proposals, room: int) -> list[Continuation]:
        """The best of all hypotheses together and, of each, what is wanted and the best."""
        scores = proposals.so_far[:, None] + proposals.lowered
        chosen = np.zeros(scores.shape, np.bool_)
        best = (-scores).argsort(axis=None, kind="stable")[: 2 * self._beam_size]
        chosen.reshape(-1)[best] = True
        chosen[:, 0] = True
        chosen &= scores > -np.inf
        found: list[Continuation] = []
        wanted: list[set[int]] = []
        for parent, progress in enumerate(self._progress):
            forward: list[Continuation] = []
            if proposals.so_far[parent] > -np.inf:
                forward = self._wanted(parent, progress, proposals, room)
            found += forward
            wanted.append({each.token for each in forward})
        after, left = self._requirements.after, self._requirements.left
        columns = (
            chosen.nonzero()[0],
            proposals.ids[chosen],
            proposals.log_probs[chosen],
            scores[chosen],
        )
        for parent, token, log_prob, score in zip(
            *(column.tolist() for column in columns), strict=True
        ):
            progress = self._progress[parent]
            missing = left(progress).missing
            if token in wanted[parent] or missing >= room or (missing and token == self._end_id):
                continue
            new = after(progress, token)
            if not new.is_over and left(new).missing < room:
                found.append(Continuation(score, parent, token, log_prob, new))
        found.sort(key=_descending)
        return found

    def _wanted(
        self, parent: int, progress: Progress, proposals: Proposals, room: int
    ) -> list[Continuation]:
        """With tokens that bring a hypothesis forward."""
        requirements, (missing, _, tokens) = self._requirements, self._requirements.left(progress)
        found: list[Continuation] = []
        so_far = float(proposals.so_far[parent])
        wanted = [(proposals.log_prob(parent, token), token) for token in tokens]
        wanted.sort(reverse=True)
        for log_prob, token in wanted:
            new = requirements.after(progress, token)
            if missing < room or requirements.left(new).missing < missing:
                found.append(Continuation(so_far + log_prob, parent, token, log_prob, new))
                if len(found) == FIRST_TOKENS:
                    break
        return found

    def _allot(self, running: list[Continuation]) -> list[Continuation]:
        """Hands out the beam's places, one to each bank in turn, the fullest bank first."""
        ranks: dict[int, int] = {}
        order: list[tuple[int, int, int]] = []
        for index, each in enumerate(running):
            bank = self._requirements.left(each.progress).bank
            ranks[bank] = rank = ranks.get(bank, -1) + 1
            order.append((rank, bank, index))
        order.sort()
        return [running[index] for index in sorted(place[2] for place in order[: self._beam_size])]


def _descending(each: Continuation) -> float:
    return -each.score
