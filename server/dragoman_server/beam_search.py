"""Beam search over all sequences of one beam width at once.

The rule is that of transformers' `generate(num_beams=…, early_stopping=False)`, version 5: at each
step the 2 x beam best continuations of a sequence are looked at; those among the first beam ones
that end are finished hypotheses, the best others run on; the sequence ends when beam hypotheses
are finished and the best running one, at its present length, is no better than the worst of them.

Parents are applied by copying as little as possible: a parent's first child stays in its row, and
only further children take over rows whose hypothesis was dropped, from the first token on that
the two hypotheses do not share. Knows rows and candidates; knows
nothing of caches, graphs or time.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dragoman_server.candidates import Candidates
from dragoman_server.rows import RowCopies, Rows
from dragoman_server.sequence import Completion, FinishReason, TranslationOptions

# The running score of a hypothesis that does not exist: all beams but the first at the start.
NO_HYPOTHESIS = np.float32(-1e9)


class Hypothesis(NamedTuple):
    """A finished translation."""

    score: float
    """Sum of log-probabilities over length to the power of the length penalty."""
    token_ids: list[int]
    """Without the end token."""
    is_cut: bool
    """Whether the model had not come to an end."""


class _Continuations(NamedTuple):
    """The best continuations of some sequences, best first, each (sequences, 2 * beam)."""

    scores: NDArray[np.float32]
    parents: NDArray[np.intp]
    """Index of the beam that each continues."""
    tokens: NDArray[np.int64]
    ends: NDArray[np.bool_]


class BeamSearch:
    """State of the sequences with more than one row.

    Args:
        rows: The engine's rows.
        max_beam_size: Widest beam.
        end_id: Token that ends a hypothesis.
    """

    def __init__(self, rows: Rows, *, max_rows: int, max_beam_size: int, end_id: int) -> None:
        self._rows = rows
        self._end_id = end_id
        # Index 0 of each array is the slot of a sequence.
        self._scores = np.zeros((max_rows, max_beam_size), np.float32)
        self._length_penalties = np.ones(max_rows, np.float64)
        self._finished: dict[int, list[Hypothesis]] = {}

    def admit(self, slot: int, options: TranslationOptions) -> None:
        """Begins a sequence whose rows were added."""
        beam_size = options.beam_size
        self._scores[slot, :beam_size] = NO_HYPOTHESIS
        self._scores[slot, 0] = 0.0
        self._length_penalties[slot] = options.length_penalty
        self._finished[slot] = []

    def forget(self, slot: int) -> None:
        """Drops a sequence that ended."""
        del self._finished[slot]

    def candidate_count(self, slots: NDArray[np.intp], beam_size: int) -> int:
        """Candidates of each row that a step needs; one more where the end may be forbidden."""
        rows = self._rows.of[slots, 0]
        early = self._rows.positions[rows] < self._rows.min_lengths[rows]
        return 2 * beam_size + bool(early.any())

    def advance(
        self, slots: NDArray[np.intp], beam_size: int, candidates: Candidates
    ) -> tuple[list[int], RowCopies | None]:
        """Advances sequences of one beam size; returns the slots that end, and what to copy."""
        rows = self._rows.of[slots, :beam_size]  # (sequences, beam)
        lengths = self._rows.positions[rows[:, 0]]  # (sequences,)
        full = lengths >= self._rows.max_lengths[rows[:, 0]]
        best = self._continue(slots, rows, candidates, full)
        self._finish(slots, rows, best, full, candidates)
        # (sequences, beam): the best continuations that do not end; a stable sort keeps their order
        kept = np.argsort(best.ends, axis=1, kind="stable")[:, :beam_size]
        scores = np.take_along_axis(best.scores, kept, axis=1)
        parents = np.take_along_axis(best.parents, kept, axis=1)
        tokens = np.take_along_axis(best.tokens, kept, axis=1)
        over = full | self._is_over(slots, beam_size, scores[:, 0], lengths)
        alive = ~over
        self._scores[slots, :beam_size] = scores
        copies = self._descend(slots[alive], rows[alive], parents[alive], tokens[alive])
        return slots[over].tolist(), copies

    def completion(self, slot: int) -> Completion:
        """Returns the best translation of a sequence that `advance` has ended."""
        best = self._finished[slot][0]
        row = self._rows.of[slot, 0]
        return Completion(
            best.token_ids,
            FinishReason.LENGTH if best.is_cut else FinishReason.STOP,
            best.score if self._rows.wants_score[row] else None,
        )

    def _continue(
        self,
        slots: NDArray[np.intp],
        rows: NDArray[np.intp],
        candidates: Candidates,
        full: NDArray[np.bool_],
    ) -> _Continuations:
        """Returns the 2 * beam best continuations of each sequence."""
        beam_size = rows.shape[1]
        ids = candidates.ids[rows]  # (sequences, beam, candidates)
        log_probs = candidates.logits[rows] - candidates.log_normalizers[rows][:, :, None]
        early = self._rows.positions[rows] < self._rows.min_lengths[rows]  # (sequences, beam)
        log_probs[(ids == self._end_id) & early[:, :, None]] = -np.inf
        if full.any():  # the end token is forced, at no cost
            log_probs[full] = -np.inf
            log_probs[full, :, 0] = 0.0
            ids[full, :, 0] = self._end_id
        width = ids.shape[2]
        scores = (self._scores[slots, :beam_size, None] + log_probs).reshape(len(slots), -1)
        order = np.argsort(-scores, axis=1, kind="stable")[:, : 2 * beam_size]
        scores = np.take_along_axis(scores, order, axis=1)
        tokens = np.take_along_axis(ids.reshape(len(slots), -1), order, axis=1)
        ends = (tokens == self._end_id) & np.isfinite(scores)
        return _Continuations(scores, order // width, tokens, ends)

    def _finish(
        self,
        slots: NDArray[np.intp],
        rows: NDArray[np.intp],
        best: _Continuations,
        full: NDArray[np.bool_],
        candidates: Candidates,
    ) -> None:
        """Keeps the hypotheses that end now among the first beam continuations."""
        beam_size = rows.shape[1]
        for index, rank in np.argwhere(best.ends[:, :beam_size]).tolist():
            slot, row = int(slots[index]), int(rows[index, best.parents[index, rank]])
            tokens = self._rows.tokens(row)
            penalty = float(len(tokens) + 1) ** float(self._length_penalties[slot])
            is_cut = bool(full[index] and candidates.ids[row, 0] != self._end_id)
            score = float(best.scores[index, rank] / np.float32(penalty))
            finished = self._finished[slot]
            finished.append(Hypothesis(score, tokens, is_cut))
            finished.sort(key=lambda hypothesis: -hypothesis.score)
            del finished[beam_size:]

    def _is_over(
        self,
        slots: NDArray[np.intp],
        beam_size: int,
        best_running: NDArray[np.float32],
        lengths: NDArray[np.int32],
    ) -> NDArray[np.bool_]:
        """Whether no running hypothesis can enter the finished ones any more, (sequences,)."""
        # Minus infinity until beam hypotheses are finished.
        worst = np.array(
            [
                finished[-1].score if len(finished) == beam_size else -np.inf
                for finished in map(self._finished.__getitem__, slots.tolist())
            ]
        )
        penalties = (lengths + 1) ** self._length_penalties[slots]
        return best_running / penalties.astype(np.float32) <= worst

    def _descend(
        self,
        slots: NDArray[np.intp],
        rows: NDArray[np.intp],
        parents: NDArray[np.intp],
        tokens: NDArray[np.int64],
    ) -> RowCopies | None:
        """Gives each new hypothesis a row, its parent's where it is the parent's first child."""
        sequences, beam_size = rows.shape
        if not sequences:
            return None
        same = parents[:, :, None] == parents[:, None, :]  # (sequences, child, other child)
        is_first = ~np.tril(same, -1).any(axis=2)  # (sequences, child)
        has_child = (parents[:, None, :] == np.arange(beam_size)[:, None]).any(axis=2)
        children = np.take_along_axis(rows, parents, axis=1)
        sources, targets = children[~is_first], rows[~has_child]
        children[~is_first] = targets
        copies = self._rows.take_over(sources, targets) if len(sources) else None
        self._rows.append(children.ravel(), tokens.ravel())
        self._rows.reorder(slots, children)
        return copies
