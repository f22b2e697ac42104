"""Stand-ins for the engine and the tokenizer: every text waits until the test says what comes."""

import asyncio
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dragoman.tokenizer import Span
from dragoman_server.engine import ANYBODY, Priority, Sender
from dragoman_server.engine.deadline import NO_LIMIT, TimeLimit
from dragoman_server.errors import OverloadError, QueueFullError, UnavailableError
from dragoman_server.sequence import Completion, FinishReason, Timing, TranslationOptions

END_ID = 0


class FakeTokenizer:
    """Words are pieces; ids are given in order of appearance. A lone `~` is no piece at all."""

    def __init__(self) -> None:
        self._words: list[str] = ["</s>"]

    def encode(self, text: str) -> list[int]:
        return [*(self._id(word) for word in text.split() if word != "~"), END_ID]

    def encode_target(self, text: str) -> list[int]:
        return self.encode(text)[:-1]

    def decode(self, token_ids: Sequence[int]) -> str:
        return " ".join(self._words[token_id] for token_id in token_ids)

    def source_spans(self, text: str) -> list[Span]:
        spans = [match.span() for match in re.finditer(r"[^\s~]+", text)]
        return [*spans, (0, 0)]

    def target_spans(self, token_ids: Sequence[int]) -> list[Span]:
        return self.source_spans(self.decode(token_ids))[:-1]

    def source_tokens(self, token_ids: Sequence[int]) -> list[str]:
        return [self._words[token_id] for token_id in token_ids]

    def target_tokens(self, token_ids: Sequence[int]) -> list[str]:
        return self.source_tokens(token_ids)

    def target_pieces(self) -> dict[int, str]:
        return {token: f" {word}" for token, word in enumerate(self._words)}

    def _id(self, word: str) -> int:
        if word not in self._words:
            self._words.append(word)
        return self._words.index(word)


def fake_timing() -> Timing:
    """Came just now: waited 1 ms, was encoded in 2, had its first token after 3, ended after 4."""
    now = time.monotonic()
    return Timing(now, now + 0.001, now + 0.003, now + 0.006, now + 0.01)


@dataclass(eq=False)
class FakeText:
    """A text that the engine was given."""

    source_ids: list[int]
    options: TranslationOptions
    index: int
    """Among those that were submitted together."""
    on_partial: Callable[[int, list[int]], None] | None
    future: asyncio.Future[Completion]
    limit: TimeLimit
    sender: Sender
    timing: Timing | None = None
    """What its completion says of it."""

    def finish(self, reason: FinishReason = FinishReason.STOP) -> None:
        """Translates the text into itself."""
        score = -0.5 if self.options.return_scores else None
        tokens = [token_id for token_id in self.source_ids if token_id != END_ID]
        self.future.set_result(Completion(tokens, reason, score, timing=self.timing))

    def fail(self, error: Exception) -> None:
        self.future.set_exception(error)

    def partial(self, length: int) -> None:
        assert self.on_partial is not None
        self.on_partial(self.index, self.source_ids[:length])


class FakeEngine:
    """Keeps every text until the test finishes it; `echo` finishes each at once."""

    def __init__(self) -> None:
        self.texts: list[FakeText] = []
        self.room = 10_000
        self.checked: list[TimeLimit] = []
        self.refusal: OverloadError | None = None  # what every request is refused with, unread
        self.predicted_seconds = 0.5
        self.echo = False
        self.healthy = True
        self.stalled = False
        self.engine_count = 2
        self.is_at_ease = True
        self.kv_cache_bytes = 1000
        self.used_at = 0.0
        self.closed = False
        self._arrived = asyncio.Event()

    async def start(self) -> None:
        pass

    async def close(self) -> None:
        self.closed = True
        for text in self.texts:
            if not text.future.done():
                text.fail(UnavailableError("the server stopped before the translation"))

    async def wait_idle(self) -> None:
        await self.until(lambda: all(text.future.done() for text in self.texts))

    def outlook(self) -> None:
        """Knows none."""

    def check_room(self, limit: TimeLimit, *_: object) -> None:
        self.checked.append(limit)
        if self.refusal is not None:
            raise self.refusal

    def submit(
        self,
        source_ids: Sequence[list[int]],
        options: TranslationOptions | Sequence[TranslationOptions],
        on_partial: Callable[[int, list[int]], None] | None = None,
        limit: TimeLimit = NO_LIMIT,
        sender: Sender = ANYBODY,
        *,
        wants_timing: bool = False,
    ) -> list[asyncio.Future[Completion]]:
        if len(source_ids) > self.room:
            raise QueueFullError("the queue is full", retry_after_seconds=0.25)
        loop = asyncio.get_running_loop()
        if isinstance(options, TranslationOptions):
            options = [options] * len(source_ids)
        timing = fake_timing() if wants_timing else None
        texts = [
            FakeText(ids, each, index, on_partial, loop.create_future(), limit, sender, timing)
            for index, (ids, each) in enumerate(zip(source_ids, options, strict=True))
        ]
        for text in texts:
            text.future.add_done_callback(lambda _: self._arrived.set())
        self.texts += texts
        self._arrived.set()
        if self.echo:
            for text in texts:
                text.finish()
        return [text.future for text in texts]

    @property
    def requests_waiting(self) -> int:
        return sum(not text.future.done() for text in self.texts)

    @property
    def requests_running(self) -> int:
        return 3

    @property
    def bulk_waiting(self) -> int:
        return sum(
            not text.future.done() and text.sender.priority is Priority.BULK for text in self.texts
        )

    @property
    def bulk_running(self) -> int:
        return 2

    @property
    def kv_cache_usage(self) -> float:
        return 0.25

    async def until(self, condition: Callable[[], bool]) -> None:
        """Waits for something that is true after a text came or ended."""
        while not condition():
            self._arrived.clear()
            await self._arrived.wait()

    async def has_texts(self, count: int) -> list[FakeText]:
        await self.until(lambda: len(self.texts) >= count)
        return self.texts

    async def all_cancelled(self) -> None:
        await self.until(lambda: all(text.future.cancelled() for text in self.texts))
