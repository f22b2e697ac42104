"""A text on its way through the engine: what is asked, and what became of it."""

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

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


class Completion(NamedTuple):
    """The end of a sequence."""

    token_ids: list[int]
    """Target tokens, without the end token."""
    finish_reason: FinishReason
    score: float | None
    """Natural-log probability of the tokens, the end token counted, over their number (with beams:
    over their number to the power of length_penalty)."""


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
    arrived_at: float = 0.0
    """When it was put into the queue, in seconds of the engine's clock."""
    started_at: float = 0.0
    """When an engine took it."""
    encoded_at: float = 0.0
    """When its source was encoded."""
    first_token_at: float = 0.0
    """When its first target token was there."""

    @property
    def rows(self) -> int:
        """Number of rows that it holds in the running batch."""
        return self.options.beam_size
