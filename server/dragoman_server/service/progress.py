"""The beginning of a translation, while it is being decoded.

Knows target tokens as they come. Does not know who wants to read what they say: a text is made of
them only where somebody does.
"""

import asyncio
import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from dragoman_server.sequence import Completion
from dragoman_server.service.assembly import joined
from dragoman_server.service.pieces import SplitText
from dragoman_server.texts import Spacing

OnProgress = Callable[[Callable[[], str]], None]
"""Told what returns a translation's beginning."""

Decode = Callable[[Sequence[int]], str]
"""Returns the text of target tokens."""


class Progress(Protocol):
    """Of one text."""

    def expect(self, begin: int, futures: Sequence[asyncio.Future[Completion]]) -> None:
        """The engines have these pieces of it, from the one at `begin` on."""

    def report(self, piece: int, token_ids: list[int]) -> None:
        """So much is there of a piece."""


class WholeProgress:
    """Of a text that is translated whole."""

    def __init__(self, decode: Decode, tell: OnProgress) -> None:
        self._decode, self._tell = decode, tell

    def expect(self, begin: int, futures: Sequence[asyncio.Future[Completion]]) -> None:
        """See Progress; nothing comes after it."""

    def report(self, piece: int, token_ids: list[int]) -> None:  # noqa: ARG002  there is one
        """See Progress."""
        self._tell(functools.partial(self._decode, token_ids))


class SplitProgress:
    """Of a text that is translated in pieces: it goes as far as the first that is not finished.

    Of a piece of which the model does not see all there is nothing before it is finished.
    """

    def __init__(
        self, split: SplitText, spacing: Spacing, decode: Decode, tell: OnProgress
    ) -> None:
        self._split, self._spacing = split, spacing
        self._decode, self._tell = decode, tell
        self._futures: list[asyncio.Future[Completion]] = []
        self._tokens: dict[int, list[int]] = {}
        """What there was last of each piece."""
        self._finished: list[str] = []
        """The translations of the first pieces."""

    def expect(self, begin: int, futures: Sequence[asyncio.Future[Completion]]) -> None:
        """See Progress."""
        self._futures[begin:] = futures

    def report(self, piece: int, token_ids: list[int]) -> None:
        """See Progress."""
        self._tokens[piece] = token_ids
        self._tell(self._text)

    def _text(self) -> str:
        return joined(self._split, self._begun(), self._spacing).text

    def _begun(self) -> Iterator[str]:
        while len(self._finished) < len(self._futures):
            future = self._futures[len(self._finished)]
            if not future.done() or future.cancelled() or future.exception() is not None:
                break
            text = self._decode(future.result().token_ids)
            marked = self._split.pieces[len(self._finished)].marked
            self._finished.append(text if marked is None else marked.settle(text).text)
        yield from self._finished
        if tokens := self._tokens.get(len(self._finished)):
            marked = self._split.pieces[len(self._finished)].marked
            if marked is None or not marked.hides:
                yield self._decode(tokens)
