"""What a Translator needs of tokenizers and of engines, in this process or in another.

Knows the types alone.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

from dragoman_server.engine import ANYBODY, NO_LIMIT, UNREAD, Outline, Sender, TimeLimit
from dragoman_server.sequence import Completion, TranslationOptions
from dragoman_server.service.alignment import SpanCodec

OnPartial = Callable[[int, list[int]], None]
"""Told which of the texts that were submitted together has which target tokens so far."""


class TextCodec(SpanCodec, Protocol):
    """What is needed of a Tokenizer."""

    def encode(self, text: str) -> list[int]:
        """Returns the source tokens of a text, the end token included."""

    def encode_target(self, text: str) -> list[int]:
        """Returns the target tokens of a text, without an end token."""

    def decode(self, token_ids: Sequence[int]) -> str:
        """Returns the text of target tokens."""

    def target_pieces(self) -> dict[int, str]:
        """Returns what each target token says, with a space before it where it begins a word."""


class TextQueue(Protocol):
    """What is needed of an AsyncEngine."""

    @property
    def is_at_ease(self) -> bool:
        """Whether it hardly refuses anything: who asks before a request is read need not."""

    def check_room(
        self,
        limit: TimeLimit,
        outline: Outline = UNREAD,
        sender: Sender = ANYBODY,
        texts_ahead: int = 0,
    ) -> None:
        """Raises an OverloadError where texts would not be taken.

        Args:
            limit: When they are due.
            outline: What is known of them.
            sender: Whose they are.
            texts_ahead: That were let in before and are not yet here.
        """

    def submit(
        self,
        source_ids: Sequence[list[int]],
        options: TranslationOptions | Sequence[TranslationOptions],
        on_partial: OnPartial | None = None,
        limit: TimeLimit = NO_LIMIT,
        sender: Sender = ANYBODY,
        *,
        wants_timing: bool = False,
    ) -> list[asyncio.Future[Completion]]:
        """Takes all of the texts or none; raises an OverloadError."""
