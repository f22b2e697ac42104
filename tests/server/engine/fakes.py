"""A model that needs no weights: its next token is a function of the source and the tokens so far.

It keeps both in rows, as a cache does, so a wrong row, move or position changes the translation.
"""

import math
import threading
from collections.abc import Callable, Collection
from collections.abc import Sequence as ListOf
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from dragoman_server.search.candidates import NO_TOKENS, Candidates
from dragoman_server.search.rows import Move, RowCopies
from dragoman_server.sequence import Sequence, TranslationOptions

START_ID, END_ID, VOCABULARY = 99, 0, 50

Model = Callable[[list[int], list[int]], NDArray[np.float32]]
"""Logits of the next token, given the source and the target so far."""


def countdown(source: list[int], target: list[int]) -> NDArray[np.float32]:
    """Ends after as many tokens as the first source token says, and never before."""
    logits = _noise(source, target)
    logits[END_ID] = 100 if len(target) >= source[0] else -100
    return logits


def rambling(source: list[int], target: list[int]) -> NDArray[np.float32]:
    """May end at any token, the likelier the longer the target is."""
    logits = _noise(source, target)
    logits[END_ID] += len(target) - source[0] / 4
    return logits


def _noise(source: list[int], target: list[int]) -> NDArray[np.float32]:
    seed = [*source, 1000, *target]
    return np.random.default_rng(seed).normal(scale=2, size=VOCABULARY).astype(np.float32)


def log_normalizer(logits: NDArray[np.float32]) -> np.float32:
    return np.float32(np.logaddexp.reduce(logits.astype(np.float64)))


class FakeRunner:
    """A Runner over lists. `fails` is raised at the next call that encodes or decodes, or is the
    one that `fails_at` names; `may_decode` holds decoding back, and `is_held` while it does.

    Logits of wanted tokens are given as long as `gives_wanted` says so. `encoding` and `decoding`
    are called with the number of rows, and may let time pass.
    """

    def __init__(
        self,
        max_rows: int,
        model: Model = countdown,
        *,
        encoding: Callable[[int], None] = lambda _: None,
        decoding: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._model = model
        self._encoding, self._decoding = encoding, decoding
        self.sources: list[list[int]] = [[] for _ in range(max_rows)]
        self.targets: list[list[int]] = [[] for _ in range(max_rows)]
        self.rows_per_step: list[int] = []
        self.encoded_per_step: list[int] = []
        self.fails: BaseException | None = None
        self.fails_at: Literal["encode", "decode", "fork", "copy", "move"] | None = None
        self.may_decode = threading.Event()
        self.may_decode.set()
        self.is_held = False
        self.gives_wanted = True

    def _fail_if_told(self, at: str) -> None:
        named = {"encode", "decode"} if self.fails_at is None else {self.fails_at}
        if self.fails is not None and at in named:
            error, self.fails = self.fails, None
            raise error

    def encode(
        self,
        source_ids: list[list[int]],
        first_row: int,
        _told_ids: ListOf[Collection[int]] = (),
    ) -> None:
        self._fail_if_told("encode")
        self._encoding(len(source_ids))
        self.encoded_per_step.append(sum(map(len, source_ids)))
        for row, ids in enumerate(source_ids, first_row):
            self.sources[row], self.targets[row] = list(ids), []

    def decode(
        self,
        token_ids: NDArray[np.int64],
        positions: NDArray[np.int32],
        source_last: NDArray[np.int32],
        *,
        candidate_count: int,
        with_normalizers: bool,
        wanted_ids: NDArray[np.int64] = NO_TOKENS,
    ) -> Candidates:
        self.is_held = True
        assert self.may_decode.wait(timeout=60)
        self.is_held = False
        self._fail_if_told("decode")
        rows = len(token_ids)
        self._decoding(rows)
        self.rows_per_step.append(rows)
        ids = np.zeros((rows, candidate_count), np.int64)
        logits = np.zeros((rows, candidate_count), np.float32)
        normalizers = np.zeros(rows, np.float32)
        wanted = np.zeros((rows, len(wanted_ids)), np.float32)
        for row in range(rows):
            assert source_last[row] == len(self.sources[row]) - 1
            assert positions[row] == len(self.targets[row])
            if positions[row]:
                self.targets[row][-1:] = [int(token_ids[row])]
            else:
                assert token_ids[row] == START_ID
            all_logits = self._model(self.sources[row], self.targets[row])
            ids[row] = np.argsort(-all_logits, kind="stable")[:candidate_count]
            logits[row] = all_logits[ids[row]]
            wanted[row] = all_logits[wanted_ids]
            normalizers[row] = log_normalizer(all_logits) if with_normalizers else 0
            self.targets[row].append(-1)  # the place of the token that is fed next
        return Candidates(ids, logits, normalizers, wanted if self.gives_wanted else None)

    def fork(self, forks: list[Move]) -> None:
        self._fail_if_told("fork")
        assert [each.target for each in forks] == [
            self.rows_per_step[-1] + index for index in range(len(forks))
        ]
        self.move(forks)

    def copy(self, copies: RowCopies) -> None:
        self._fail_if_told("copy")
        for source, target, position in zip(*copies, strict=True):
            assert self.sources[source] == self.sources[target]
            assert len(self.targets[source]) == len(self.targets[target])
            self.targets[target][position - 1] = self.targets[source][position - 1]

    def move(self, moves: list[Move]) -> None:
        self._fail_if_told("move")
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
    length_penalty: float = 1.0,
    deadline: float = math.inf,
    steps: int = 1,
) -> Sequence:
    options = TranslationOptions(max_length, min_length, rows, return_scores, length_penalty)
    return Sequence(
        source, options, wants_partial=wants_partial, deadline=deadline, expected_steps=steps
    )
