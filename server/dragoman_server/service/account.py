"""What a call asked for and took, for those who count, log and trace; never a text.

Filled in by whoever answers the call. Does not know who wants to know: observer.py does.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from dragoman_server.engine import Priority
from dragoman_server.rpc import NATIVE
from dragoman_server.sequence import Completion, TranslationOptions


@dataclass(slots=True)
class Phase:
    """What texts went through, each for itself; of no text at first."""

    began_at: float = math.inf
    """When the first began, in seconds of the engines' clock."""
    ended_at: float = -math.inf
    """When the last ended."""
    longest_seconds: float = 0.0
    """Of one text."""

    @property
    def has_been(self) -> bool:
        """Whether a text went through it."""
        return self.began_at <= self.ended_at

    def add(self, began_at: float, ended_at: float) -> None:
        """A text went through it."""
        self._widen(began_at, ended_at, ended_at - began_at)

    def include(self, other: "Phase") -> None:
        """So did other texts."""
        self._widen(other.began_at, other.ended_at, other.longest_seconds)

    def _widen(self, began_at: float, ended_at: float, longest_seconds: float) -> None:
        self.began_at = min(self.began_at, began_at)
        self.ended_at = max(self.ended_at, ended_at)
        self.longest_seconds = max(self.longest_seconds, longest_seconds)


@dataclass(slots=True)
class Usage:
    """What texts asked of the engines, and got. Tokens and rows are those of the engines."""

    is_timed: bool = True
    """Whether anybody wants to know how long they took."""
    priority: Priority | None = None
    """Of the texts asked for last; None where there are none."""
    texts: int = 0
    texts_failed: int = 0
    """Of a stream."""
    code_points: int = 0
    source_tokens: int = 0
    target_tokens: int = 0
    rows: int = 0
    queue: Phase = field(default_factory=Phase)
    encode: Phase = field(default_factory=Phase)
    decode: Phase = field(default_factory=Phase)
    first_token_at: float = math.inf

    def ask(self, texts: Sequence[str], priority: Priority | None) -> None:
        """These are to be translated; with no priority, only looked at."""
        self.priority = priority
        self.texts += len(texts)
        self.code_points += sum(map(len, texts))

    def submit(
        self, source_ids: Sequence[Sequence[int]], options: Sequence[TranslationOptions]
    ) -> None:
        """The engines are asked for these."""
        self.source_tokens += sum(map(len, source_ids))
        self.rows += sum(each.beam_size for each in options)

    def finish(self, completions: Sequence[Completion]) -> None:
        """The engines gave these."""
        for completion in completions:
            self.target_tokens += len(completion.token_ids)
            if (timing := completion.timing) is not None:
                self.queue.add(timing.arrived_at, timing.started_at)
                self.encode.add(timing.started_at, timing.encoded_at)
                self.decode.add(timing.encoded_at, timing.ended_at)
                self.first_token_at = min(self.first_token_at, timing.first_token_at)

    def include(self, text: "Usage", *, failed: bool) -> None:
        """A text of the stream ended."""
        self.texts += text.texts or 1
        self.texts_failed += failed
        self.code_points += text.code_points
        self.source_tokens += text.source_tokens
        self.target_tokens += text.target_tokens
        self.rows += text.rows
        self.queue.include(text.queue)
        self.encode.include(text.encode)
        self.decode.include(text.decode)
        self.first_token_at = min(self.first_token_at, text.first_token_at)


@dataclass(slots=True)
class Account:
    """Of one call, or of one text of a stream."""

    model: str = ""
    """Name of the model that it meant; empty where nobody got so far as to find it."""
    model_version: str = ""
    trace_id: str = ""
    """Of the trace that it is part of, in 32 hexadecimal digits; empty where there is none."""
    is_traced: bool = False
    """Whether this server tells of it in that trace."""
    texts_begun: int = 0
    """Of a stream."""
    interface: str = NATIVE
    """Of the server, through which it came."""
    refusal: str = ""
    """Why it was refused at once, where it was and somebody wants to know."""
    usage: Usage | None = None
    """None where nobody wants to know: then nothing is added up."""
    tell: "Callable[[Account, str], None] | None" = None
    """Told how it ended, once, by the name of the status code."""

    def end(self, code: str) -> None:
        """It ended so."""
        if self.tell is not None:
            self.tell(self, code)
