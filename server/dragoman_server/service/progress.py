"""The beginning of a translation, while it is being decoded.

Knows target tokens as they come. Does not know who wants to read what they say: a text is made of
them only where somebody does.
"""

import asyncio
import functools
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, Protocol

from dragoman_server.sequence import Completion
from dragoman_server.service.assembly import joined
from dragoman_server.service.pieces import SplitText
from dragoman_server.texts import Spacing


class Beginning(NamedTuple):
    """Of a translation."""

    text: str
    settled_length: int = 0
    """Code points of it that stay whatever comes."""


OnProgress = Callable[[Callable[[], Beginning]], None]
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
    """Of a text that is translated whole.

    Args:
        decode: Returns its text.
        tell: Told of it.
        appends: Whether what there is of it stays.
    """

    def __init__(self, decode: Decode, tell: OnProgress, *, appends: bool) -> None:
        self._decode, self._tell = decode, tell
        self._appends = appends

    def expect(self, begin: int, futures: Sequence[asyncio.Future[Completion]]) -> None:
        """See Progress; nothing comes after it."""

    def report(self, piece: int, token_ids: list[int]) -> None:  # noqa: ARG002  there is one
        """See Progress."""
        self._tell(functools.partial(self._beginning, token_ids))

    def _beginning(self, token_ids: list[int]) -> Beginning:
        text = self._decode(token_ids)
        return Beginning(text, _words_length(text) if self._appends else 0)


class SplitProgress:
    """Of a text that is translated in pieces: it goes as far as the first that is not finished.

    Of a piece of which the model does not see all there is nothing before it is finished.

    Args:
        split: The text.
        spacing: Between its sentences.
        decode: Returns the text of a piece.
        tell: Told of it.
        appends: Whether what there is of a piece stays.
    """

    def __init__(
        self,
        split: SplitText,
        spacing: Spacing,
        decode: Decode,
        tell: OnProgress,
        *,
        appends: bool,
    ) -> None:
        self._split, self._spacing = split, spacing
        self._appends = appends
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
        self._tell(self._beginning)

    def _beginning(self) -> Beginning:
        self._finish()
        begun = [*self._finished, *self._running()]
        text, spans = joined(self._split, begun, self._spacing)
        settled = spans[len(self._finished) - 1].end if self._finished else 0
        if self._appends and len(begun) > len(self._finished):
            settled = max(settled, _words_length(text))
        return Beginning(text, settled)

    def _finish(self) -> None:
        while len(self._finished) < len(self._futures):
            future = self._futures[len(self._finished)]
            if not future.done() or future.cancelled() or future.exception() is not None:
                break
            text = self._decode(future.result().token_ids)
            marked = self._split.pieces[len(self._finished)].marked
            self._finished.append(text if marked is None else marked.settle(text).text)

    def _running(self) -> Iterator[str]:
        """Yields what there is of the first piece that is not finished."""
        if tokens := self._tokens.get(len(self._finished)):
            marked = self._split.pieces[len(self._finished)].marked
            if marked is None or not marked.hides:
                yield self._decode(tokens)


def _words_length(text: str) -> int:
    """Returns where the last word of a text begins that may not be all there, without the space."""
    words = text.rstrip()
    return len(words[: max(words.rfind(" "), 0)].rstrip())
