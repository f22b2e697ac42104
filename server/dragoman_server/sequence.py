"""A text on its way through the engine: what is asked, and what became of it."""

import itertools
import math
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dragoman_server.errors import DragomanError

MAX_BEAM_SIZE = 16
"""Most hypotheses that a search keeps, and rows that a sequence holds."""


class FinishReason(Enum):
    """Why a sequence ended."""

    STOP = "STOP"
    """The model produced the end token."""
    LENGTH = "LENGTH"
    """The translation reached max_decoding_length; its end is missing."""
    CANCELLED = "CANCELLED"
    """The client went away or its deadline passed."""


class EarlyStopping(Enum):
    """When beam search ends, once beam_size hypotheses are finished.

    The rules and their names are those of transformers' `generate(early_stopping=...)`, version 5.
    """

    FALSE = "FALSE"
    """When the best running hypothesis, as long as it is now, is no better than the worst finished
    one: a guess, because with length_penalty above 0 it may still get better."""
    TRUE = "TRUE"
    """At once."""
    NEVER = "NEVER"
    """When no running hypothesis can get better than the worst finished one, at any length."""


class RequiredSequence(NamedTuple):
    """Something that a translation must say, once."""

    alternatives: tuple[tuple[int, ...], ...]
    """Tokens, any of which will do; at least one, each of one token or more."""
    is_whole: bool = False
    """Whether the word that it ends must end there."""
    is_only: bool = False
    """Whether it must not be said once more often than it is required."""

    @property
    def length(self) -> int:
        """Fewest tokens that it takes."""
        return min(map(len, self.alternatives))


@dataclass(frozen=True, slots=True)
class TranslationOptions:
    """How one text is decoded; options differ freely between the texts of a batch."""

    max_decoding_length: int
    """Most target tokens, the end token not counted."""
    min_decoding_length: int = 0
    """Fewest target tokens before the end token is allowed."""
    beam_size: int = 1
    """Hypotheses kept at each step, which is the number of rows that the sequence holds."""
    return_scores: bool = True
    """Whether the score is computed."""
    length_penalty: float = 1.0
    """Exponent of the length that a hypothesis' score is divided by; of beam search only."""
    early_stopping: EarlyStopping = EarlyStopping.FALSE
    """When the search ends; of beam search only."""
    num_hypotheses: int = 1
    """Finished hypotheses that are wanted, at most beam_size."""
    repetition_penalty: float = 1.0
    """What the scores of tokens said before are divided by where positive, else multiplied by; at
    least 1, which changes nothing."""
    no_repeat_ngram_size: int = 0
    """No so many tokens in a row are said twice; 0 allows all."""
    suppress_sequences: tuple[tuple[int, ...], ...] = ()
    """Tokens that are never said one after the other."""
    target_prefix: tuple[int, ...] = ()
    """What the translation begins with; at most max_decoding_length tokens."""
    forced_length: int = 0
    """How many of these are the model's own, such as a target language: they are no part of the
    text, but count in the length that a score is divided by."""
    sampling_topk: int = 1
    """Tokens that the next one is drawn from; 1 takes the best. Of greedy search only."""
    sampling_topp: float = 1.0
    """Least probability, of those, that the tokens drawn from have together; above 0."""
    sampling_temperature: float = 1.0
    """What logits are divided by before a token is drawn; above 0."""
    seed: int | None = None
    """Where drawing begins, 0 to 2**64 - 1; None for somewhere else each time."""
    return_token_scores: bool = False
    """Whether the probability of each token is kept."""
    required_sequences: tuple[RequiredSequence, ...] = ()
    """What must be said; of beam search only. Together no longer than max_decoding_length leaves
    room for beside target_prefix. Penalties and suppress_sequences do not hold for it."""
    return_alignment: bool = False
    """Whether Attention.alignment is computed."""
    return_attention: bool = False
    """Whether the other weights of Attention are."""

    @property
    def told_ids(self) -> tuple[int, ...]:
        """Tokens that are told: of the prefix, and of what must be said."""
        told = self.target_prefix
        for each in self.required_sequences:
            told += tuple(itertools.chain.from_iterable(each.alternatives))
        return told

    @property
    def wants_weights(self) -> bool:
        """Whether a pass over the finished translation is needed."""
        return self.return_alignment or self.return_attention


class Hypothesis(NamedTuple):
    """A finished translation."""

    token_ids: list[int]
    """Target tokens, without the end token."""
    finish_reason: FinishReason
    score: float | None = None
    """As in Completion."""
    token_scores: list[float] | None = None
    """As in Completion."""


class Timing(NamedTuple):
    """When a text that is translated had got how far, in seconds of the engine's clock."""

    arrived_at: float
    started_at: float
    encoded_at: float
    first_token_at: float
    ended_at: float


class Attention(NamedTuple):
    """Who attended to whom; what was not asked for, or the model does not have, is None.

    Of the target count all tokens of the completion and, but for the alignment, the end token
    where it is there.
    """

    alignment: NDArray[np.float32] | None = None
    """(target, source): where each target token comes from, by the heads that align best."""
    encoder: NDArray[np.float32] | None = None
    """(layers, heads, source, source)."""
    decoder: NDArray[np.float32] | None = None
    """(layers, heads, target, target): query i is the step that says token i; key 0 is the start
    token, and key j token j - 1."""
    cross: NDArray[np.float32] | None = None
    """(layers, heads, target, source)."""


class Completion(NamedTuple):
    """The end of a sequence."""

    token_ids: list[int]
    """Target tokens, without the end token."""
    finish_reason: FinishReason
    score: float | None
    """Natural-log probability of the tokens, the end token counted, over their number (with beams:
    over their number to the power of length_penalty). The tokens of target_prefix do not count, but
    for the model's own."""
    token_scores: list[float] | None = None
    """Natural-log probability that the model gives each token, the end token too where it is
    there; 0 for what was forced."""
    hypotheses: tuple[Hypothesis, ...] = ()
    """Where several were asked for: this one and the next best, best first."""
    timing: Timing | None = None
    """Where it was asked for."""
    attention: Attention | None = None
    """Likewise."""

    @property
    def is_translated(self) -> bool:
        """Whether the text was translated, though its end may be missing."""
        return self.finish_reason is not FinishReason.CANCELLED


class Finished(NamedTuple):
    """A translation that is to be passed through once more."""

    source_ids: list[int]
    options: TranslationOptions
    completion: Completion


Outcome = Completion | DragomanError
"""Every sequence that the queue accepted gets exactly one."""


@dataclass(eq=False, slots=True)
class Sequence:
    """One text to translate. Owned by the queue, then by the engine that took it."""

    source_ids: list[int]
    """Source tokens, special tokens included; at least one."""
    options: TranslationOptions
    wants_partial: bool = False
    """Whether the target tokens so far are reported after each step."""
    wants_timing: bool = False
    """Whether its completion says how long everything took."""
    deadline: float = math.inf
    """Where it has not begun by then it never does, in seconds of the engine's clock."""
    expected_steps: int = 1
    """Decoding steps that it will probably take."""
    arrived_at: float = 0.0
    """When it was put into the queue, in seconds of the engine's clock."""
    started_at: float = 0.0
    """When an engine took it."""
    encoded_at: float = 0.0
    """When its source was encoded."""
    first_token_at: float = 0.0
    """When its first target token was there."""
    ended_at: float = 0.0
    """When its last one was."""

    @property
    def timing(self) -> Timing:
        """When it had got how far, once its last token is there."""
        return Timing(
            self.arrived_at, self.started_at, self.encoded_at, self.first_token_at, self.ended_at
        )

    @property
    def rows(self) -> int:
        """Number of rows that it holds in the running batch."""
        return self.options.beam_size
