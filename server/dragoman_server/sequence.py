"""A text on its way through the engine: what is asked, and what became of it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple


class FinishReason(Enum):
    """Why a sequence ended."""

    STOP = "STOP"
    """The model produced the end token."""
    LENGTH = "LENGTH"
    """The translation reached max_decoding_length; its end is missing."""
    CANCELLED = "CANCELLED"
    """The client went away or its deadline passed."""


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


class Completion(NamedTuple):
    """The end of a sequence."""

    token_ids: list[int]
    """Target tokens, without the end token."""
    finish_reason: FinishReason
    score: float | None
    """Mean natural-log probability of the tokens, the end token counted."""


@dataclass(eq=False, slots=True)
class Sequence:
    """One text to translate. Owned by the queue, then by the engine that took it."""

    source_ids: list[int]
    """Source tokens, special tokens included."""
    options: TranslationOptions
    on_finish: Callable[[Completion], None]
    """Called once, on the engine's thread."""
    on_partial: Callable[[list[int]], None] | None = None
    """Called after each decoding step with the target tokens so far, on the engine's thread."""
    cancelled: bool = False
    """Set by any thread; the owner drops the sequence before its next step."""
    arrived_at: float = field(default=0.0)
    """When it was put into the queue, in seconds of the engine's clock."""
