"""A model that needs no weights: its next token is a function of the source and the tokens so far.

It keeps both in rows, as a cache does, so a wrong row, move or position changes the translation.
"""

import threading

import numpy as np
from numpy.typing import NDArray

from dragoman_server.search import Candidates, Move
from dragoman_server.sequence import FinishReason, Sequence, TranslationOptions

START_ID, END_ID, VOCABULARY = 99, 0, 50


def next_token(source: list[int], target: list[int]) -> int:
    """The model: ends after as many tokens as the first source token says."""
    if len(target) >= source[0]:
        return END_ID
    return 1 + (7 * sum(source) + 13 * sum(target) + 3 * len(target)) % (VOCABULARY - 1)


def translate(source: list[int], options: TranslationOptions) -> tuple[list[int], FinishReason]:
    """What the engine must answer, worked out alone and without an engine."""
    target: list[int] = []
    while True:
        token = next_token(source, target)
        if token == END_ID and len(target) < options.min_decoding_length:
            token = SECOND_BEST
        if token == END_ID:
            return target, FinishReason.STOP
        if len(target) == options.max_decoding_length:
            return target, FinishReason.LENGTH
        target.append(token)


SECOND_BEST = 5


class FakeRunner:
    """A Runner over lists. `fails` is raised at the next call; `may_decode` holds decoding back."""

    def __init__(self, max_rows: int) -> None:
        self.sources: list[list[int]] = [[] for _ in range(max_rows)]
        self.targets: list[list[int]] = [[] for _ in range(max_rows)]
        self.rows_per_step: list[int] = []
        self.encoded_per_step: list[int] = []
        self.fails: BaseException | None = None
        self.may_decode = threading.Event()
        self.may_decode.set()

    def _fail_if_told(self) -> None:
        if self.fails is not None:
            error, self.fails = self.fails, None
            raise error

    def encode(self, source_ids: list[list[int]], first_row: int) -> None:
        self._fail_if_told()
        self.encoded_per_step.append(sum(map(len, source_ids)))
        for row, ids in enumerate(source_ids, start=first_row):
            self.sources[row], self.targets[row] = list(ids), []

    def decode(
        self,
        token_ids: NDArray[np.int64],
        positions: NDArray[np.int32],
        source_last: NDArray[np.int32],
        *,
        candidate_count: int,
        with_normalizers: bool,
    ) -> Candidates:
        assert self.may_decode.wait(timeout=30)
        self._fail_if_told()
        rows = len(token_ids)
        self.rows_per_step.append(rows)
        ids = np.full((rows, candidate_count), SECOND_BEST, np.int64)
        for row in range(rows):
            assert source_last[row] == len(self.sources[row]) - 1
            assert positions[row] == len(self.targets[row])
            if positions[row]:
                self.targets[row][-1:] = [int(token_ids[row])]
            else:
                assert token_ids[row] == START_ID
            ids[row, 0] = next_token(self.sources[row], self.targets[row])
            self.targets[row].append(-1)  # the place of the token that is fed next
        logits = np.tile(np.array([-1.0, -2.0], np.float32)[:candidate_count], (rows, 1))
        normalizers = np.full(rows, 0.5 if with_normalizers else 0.0, np.float32)
        return Candidates(ids, logits, normalizers)

    def move(self, moves: list[Move]) -> None:
        for move in moves:
            assert move.target_length == len(self.targets[move.source])
            assert move.source_length == len(self.sources[move.source])
            self.sources[move.target] = list(self.sources[move.source])
            self.targets[move.target] = list(self.targets[move.source])


def sequence(
    source: list[int],
    *,
    max_length: int = 100,
    min_length: int = 0,
    return_scores: bool = True,
    wants_partial: bool = False,
    rows: int = 1,
) -> Sequence:
    options = TranslationOptions(max_length, min_length, rows, return_scores)
    return Sequence(source, options, wants_partial=wants_partial)
