"""Beam search over all sequences of one beam width at once.

The rule is that of transformers' `generate(num_beams=…)`, version 5: at each step the 2 x beam best
continuations of a sequence are looked at; those among the first beam ones that end are finished
hypotheses, the best others run on. Once beam hypotheses are finished the sequence ends as its
early_stopping says; by default when the best running one, at its present length, is no better than
the worst of them.

A sequence has one row until there are several hypotheses, which its first free choice makes. From
then on parents are applied by copying as little as possible: a parent's first child stays in its
row, and only further children take over rows whose hypothesis was dropped, from the first token on
that the two hypotheses do not share. Knows rows and candidates; knows nothing of caches, graphs or
time.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dragoman_server.search.banks import BankedBeam, Continuation, Proposals
from dragoman_server.search.candidates import Candidates
from dragoman_server.search.constraints import Constraints
from dragoman_server.search.finished import FinishedHypotheses
from dragoman_server.search.requirements import Progress, Requirements, WordContinuations
from dragoman_server.search.rows import Move, RowCopies, Rows
from dragoman_server.search.wanted import Wanted
from dragoman_server.sequence import Completion, EarlyStopping, TranslationOptions


class Descent(NamedTuple):
    """What a step does to sequences of one beam size."""

    ended: list[int]
    """Slots of those that end."""
    forks: list[Move]
    """What the caches copy for rows that are new; before anything else."""
    copies: RowCopies | None
    """What they copy between the rows that there were."""


class _Continuations(NamedTuple):
    """The best continuations of some sequences, best first, each (sequences, 2 * beam)."""

    scores: NDArray[np.float32]
    parents: NDArray[np.intp]
    """Index of the beam that each continues."""
    tokens: NDArray[np.int64]
    ends: NDArray[np.bool_]
    token_scores: NDArray[np.float32] | None
    """What the model says of the token alone, whatever the options; None where nobody asks."""
    forced: NDArray[np.bool_]  # (sequences,)
    """Whether the end token was forced, at no cost, on all the beams."""
    is_cut: NDArray[np.bool_] | None  # (sequences, hypotheses); None where none is forced
    """Whether that was not what the beam would have said."""


class BeamSearch:
    """State of the sequences with more than one row.

    Args:
        rows: The engine's rows.
        max_beam_size: Widest beam.
        end_id: Token that ends a hypothesis.
        continuations: Tokens that go on with a word.
    """

    def __init__(
        self,
        rows: Rows,
        *,
        max_rows: int,
        max_beam_size: int,
        end_id: int,
        continuations: WordContinuations,
    ) -> None:
        self._rows = rows
        self._by_slot = rows.by_slot
        self._end_id = end_id
        # Index 0 of each array is the slot of a sequence.
        self._scores = np.zeros((max_rows, max_beam_size), np.float32)
        self._ordinals = np.arange(max_rows)[:, None]
        self._is_earlier = np.tri(max_beam_size, k=-1, dtype=np.bool_)
        self._length_penalties = np.ones(max_rows, np.float64)
        self._hopes = np.zeros(max_rows, np.bool_)
        self._finished: dict[int, FinishedHypotheses] = {}
        self._bars = np.zeros(max_rows, np.float64)  # what a running hypothesis must beat
        self._barred: set[int] = set()  # slots with such a bar
        self.constraints: dict[int, Constraints] = {}
        """By slot: of the sequences that have any."""
        self._continuations = continuations
        self.required: dict[int, BankedBeam] = {}
        """By slot: of the sequences that must say something."""
        self.wanted = Wanted()
        """What these must say."""

    def admit(self, slot: int, options: TranslationOptions) -> None:
        """Begins a sequence whose rows were added."""
        self._scores[slot, 0] = 0.0
        self._length_penalties[slot] = options.length_penalty
        # A longer hypothesis may still have a better score than at its present length.
        never_early = options.early_stopping is EarlyStopping.NEVER
        self._hopes[slot] = never_early and options.length_penalty > 0
        self._finished[slot] = FinishedHypotheses(options)
        self._bars[slot] = -np.inf
        constraints = Constraints.of(options)
        if constraints is not None:
            self.constraints[slot] = constraints
        if options.required_sequences:
            requirements = Requirements(options.required_sequences, self._continuations)
            self.required[slot] = BankedBeam(
                requirements,
                options.target_prefix,
                beam_size=options.beam_size,
                end_id=self._end_id,
            )
            self.wanted.add(slot, requirements.tokens)

    def forget(self, slot: int) -> None:
        """Drops a sequence that ended."""
        del self._finished[slot]
        self._barred.discard(slot)
        self.constraints.pop(slot, None)
        if self.required.pop(slot, None) is not None:
            self.wanted.remove(slot)

    def candidate_count(self, slots: NDArray[np.intp], beam_size: int) -> int:
        """Candidates of each row that a step needs.

        One more than the continuations looked at where the end may be forbidden, and as many more
        as constraints may lower (see there).
        """
        rows = self._by_slot.rows[slots, 0]
        is_early, lowered = False, 0
        if self._by_slot.with_minimum:
            early = self._rows.positions[rows] < self._rows.min_lengths[rows]
            is_early = bool(early.any())
        if self.required and not self.required.keys().isdisjoint(slots.tolist()):
            is_early = True
        if self.constraints:
            said = self._rows.positions[rows] + 1
            lowered = max(
                (
                    self.constraints[slot].reach(count)
                    for slot, count in zip(slots.tolist(), said.tolist(), strict=True)
                    if slot in self.constraints
                ),
                default=0,
            )
        return 2 * beam_size + is_early + lowered

    def advance(self, slots: NDArray[np.intp], beam_size: int, candidates: Candidates) -> Descent:
        """Advances sequences of one beam size that hold equally many rows, one or all.

        One that must say something is alone among them.
        """
        rows = self._by_slot.rows[slots, : self._by_slot.held[slots[0]]]  # (sequences, hypotheses)
        lengths = self._rows.positions[rows[:, 0]]  # (sequences,)
        full = lengths >= self._rows.max_lengths[rows[:, 0]]
        best = self._continue(slots, rows, candidates, full)
        # (sequences, beam): the best continuations that do not end; a stable sort keeps their order
        kept = np.arange(beam_size)[None]
        if np.count_nonzero(best.ends):  # several times faster than any()
            self._finish(slots, rows, best)
            kept = best.ends.argsort(axis=1, kind="stable")[:, :beam_size]
        kept = self._flat(kept, best.ends.shape)
        scores, parents = best.scores.take(kept), best.parents.take(kept)
        tokens = best.tokens.take(kept)
        over = best.forced | self._is_over(slots, scores[:, 0], lengths)
        self._scores[slots, :beam_size] = scores
        ended = []
        if np.count_nonzero(over):
            ended, alive = slots[over].tolist(), ~over
            slots, rows, kept = slots[alive], rows[alive], kept[alive]
            parents, tokens = parents[alive], tokens[alive]
        if not len(slots):
            return Descent(ended, [], None)
        forks, copies = [], None
        if rows.shape[1] < beam_size:
            forks = self._rows.fork(slots, beam_size)
            rows = self._by_slot.rows[slots, :beam_size]  # all continue the same
        else:
            rows, copies = self._descend(rows, parents)
        self._rows.append(rows.ravel(), tokens.ravel())
        self._rows.reorder(slots, rows)
        if best.token_scores is not None:
            self._rows.score_last(rows, best.token_scores.take(kept))
        return Descent(ended, forks, copies)

    def completion(self, slot: int) -> Completion:
        """Returns the best translations of a sequence that `advance` has ended."""
        return self._finished[slot].completion()

    def _continue(
        self,
        slots: NDArray[np.intp],
        rows: NDArray[np.intp],
        candidates: Candidates,
        full: NDArray[np.bool_],
    ) -> _Continuations:
        """Returns the 2 * beam best continuations of each sequence."""
        beam_size = int(self._by_slot.beam_sizes[slots[0]])
        width = candidates.ids.shape[1]
        if width > 2 * beam_size + 1:  # neighbours may have asked for more
            width = min(width, self.candidate_count(slots, beam_size))
        ids = candidates.ids[rows, :width]  # (sequences, hypotheses, candidates)
        log_probs = candidates.logits[rows, :width] - candidates.log_normalizers[rows][:, :, None]
        lowered = self._lowered(slots, rows, ids, log_probs)
        if self._by_slot.with_minimum:
            early = self._rows.positions[rows] < self._rows.min_lengths[rows]  # as `rows`
            lowered[(ids == self._end_id) & early[:, :, None]] = -np.inf
        so_far = self._scores[slots, : rows.shape[1], None]
        forced = full
        if self.required and (banked := self.required.get(int(slots[0]))) is not None:
            if full[0]:
                so_far = banked.without_incomplete(so_far)
            else:
                proposals = Proposals(
                    so_far[0, :, 0],
                    ids[0],
                    log_probs[0],
                    lowered[0],
                    self._asker(rows[0], ids[0], candidates),
                )
                return self._say_required(slots, rows, proposals, banked)
        if self.constraints:  # where every token is forbidden, there is nothing left but to end
            forced = full | (so_far + lowered == -np.inf).all(axis=(1, 2))
        is_cut = None
        if np.count_nonzero(forced):
            wished = lowered.argmax(axis=2)[:, :, None]
            would_go_on = np.take_along_axis(ids, wished, axis=2)[:, :, 0] != self._end_id
            is_cut = would_go_on & forced[:, None]
            lowered[forced] = -np.inf
            lowered[forced, :, 0] = log_probs[forced, :, 0] = 0.0
            ids[forced, :, 0] = self._end_id
        scores = (so_far + lowered).reshape(len(slots), -1)
        order = (-scores).argsort(axis=1, kind="stable")[:, : 2 * beam_size]
        places = self._flat(order, scores.shape)
        scores, tokens = scores.take(places), ids.take(places)
        ends = (tokens == self._end_id) & (scores > -np.inf)
        token_scores = log_probs.take(places) if self._by_slot.token_scored else None
        return _Continuations(scores, order // width, tokens, ends, token_scores, forced, is_cut)

    def _say_required(
        self,
        slots: NDArray[np.intp],
        rows: NDArray[np.intp],
        proposals: Proposals,
        banked: BankedBeam,
    ) -> _Continuations:
        """As `_continue`, of a sequence that must say something; those that end come first."""
        room = int(self._rows.max_lengths[rows[0, 0]] - self._rows.positions[rows[0, 0]])
        ending, running = banked.advance(proposals, room)
        count = 2 * int(self._by_slot.beam_sizes[slots[0]])
        idle = Continuation(-np.inf, 0, int(proposals.ids[0, 0]), 0.0, Progress())
        chosen = [*ending, *running, *[idle] * (count - len(ending) - len(running))]
        columns = zip(*chosen, strict=True)
        scores, parents, tokens, token_scores = (np.array([next(columns)]) for _ in range(4))
        return _Continuations(
            scores.astype(np.float32),
            parents,
            tokens,
            (tokens == self._end_id) & (scores > -np.inf),
            token_scores.astype(np.float32) if self._by_slot.token_scored else None,
            np.array([not ending and not running]),
            None,
        )

    def _asker(
        self, rows: NDArray[np.intp], ids: NDArray[np.int64], candidates: Candidates
    ) -> Callable[[int, int], float]:
        """Returns what gives the log-probability of any required token after a hypothesis."""
        columns, logits = self.wanted.columns, candidates.wanted_logits

        def log_prob(hypothesis: int, token: int) -> float:
            row = rows[hypothesis]
            normalizer = candidates.log_normalizers[row]
            if logits is not None:
                return float(logits[row, columns[token]] - normalizer)
            places = (ids[hypothesis] == token).nonzero()[0]
            place = places[0] if len(places) else ids.shape[1] - 1
            return float(candidates.logits[row, place] - normalizer)

        return log_prob

    def _flat(self, columns: NDArray[np.intp], shape: tuple[int, ...]) -> NDArray[np.intp]:
        """Returns columns (sequences, n) of an array of `shape` as places in it, flattened.

        numpy's take_along_axis does the same in five times as long.
        """
        places: NDArray[np.intp] = columns + self._ordinals[: shape[0]] * shape[1]
        return places

    def _lowered(
        self,
        slots: NDArray[np.intp],
        rows: NDArray[np.intp],
        ids: NDArray[np.int64],
        log_probs: NDArray[np.float32],
    ) -> NDArray[np.float32]:
        """Returns the log-probabilities as the sequences' constraints make them.

        Args:
            slots: (sequences,).
            rows: (sequences, hypotheses).
            ids: (sequences, hypotheses, candidates).
            log_probs: Likewise; kept as they are only where the tokens' scores are wanted.
        """
        lowered = log_probs.copy() if self._by_slot.token_scored else log_probs
        if not self.constraints:
            return lowered
        for index, slot in enumerate(slots.tolist()):
            constraints = self.constraints.get(slot)
            if constraints is None:
                continue
            for beam, row in enumerate(rows[index].tolist()):
                constraints.lower(lowered[index, beam], ids[index, beam], self._rows.said(row))
        return lowered

    def _finish(
        self,
        slots: NDArray[np.intp],
        rows: NDArray[np.intp],
        best: _Continuations,
    ) -> None:
        """Keeps the hypotheses that end now among the first beam continuations."""
        beam_size = best.ends.shape[1] // 2
        indices, ranks = best.ends[:, :beam_size].nonzero()
        for index, rank in zip(indices.tolist(), ranks.tolist(), strict=True):
            slot, parent = int(slots[index]), int(best.parents[index, rank])
            row = int(rows[index, parent])
            is_cut = best.is_cut is not None and bool(best.is_cut[index, parent])
            token_scores = None
            if best.token_scores is not None and slot in self._by_slot.token_scored:
                token_scores = self._rows.token_scores_of(row)
                if not is_cut:
                    token_scores.append(float(best.token_scores[index, rank]))
            self._finished[slot].add(
                best.scores[index, rank], self._rows.tokens(row), token_scores, is_cut=is_cut
            )
            bar = self._finished[slot].bar
            if bar > -np.inf:
                self._bars[slot] = bar
                self._barred.add(slot)

    def _is_over(
        self,
        slots: NDArray[np.intp],
        best_running: NDArray[np.float32],
        lengths: NDArray[np.int32],
    ) -> NDArray[np.bool_]:
        """Whether no running hypothesis can enter the finished ones any more, (sequences,)."""
        if not self._barred:
            return np.zeros(len(slots), np.bool_)
        longest = self._rows.max_lengths[self._by_slot.rows[slots, 0]]
        lengths = np.where(self._hopes[slots], longest, lengths)
        counted = lengths + 1 - self._by_slot.uncounted[slots]
        penalties = counted ** self._length_penalties[slots]
        return best_running / penalties.astype(np.float32) <= self._bars[slots]

    def _descend(
        self, rows: NDArray[np.intp], parents: NDArray[np.intp]
    ) -> tuple[NDArray[np.intp], RowCopies | None]:
        """Returns the row of each new hypothesis, its parent's where it is the first child.

        And what the others copy.

        Args:
            rows: (sequences, beam), of the old hypotheses.
            parents: (sequences, beam), which of them each new one continues.
        """
        beam_size = rows.shape[1]
        same = parents[:, :, None] == parents[:, None, :]  # (sequences, child, other child)
        is_further = (same & self._is_earlier[:beam_size, :beam_size]).any(axis=2)
        children = rows.take(self._flat(parents, rows.shape))  # (sequences, child)
        if not np.count_nonzero(is_further):
            return children, None
        has_child = (parents[:, None, :] == np.arange(beam_size)[:, None]).any(axis=2)
        sources, targets = children[is_further], rows[~has_child]
        children[is_further] = targets
        return children, self._rows.take_over(sources, targets)
