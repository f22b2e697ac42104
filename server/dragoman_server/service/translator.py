"""Translates the texts of a request: validate, tokenise, submit, await, detokenise.

Knows one model with its tokenizer and the engine that runs it. Does not know grpc, nor how the
engine batches.
"""

import asyncio
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from dragoman.v1.bundle_pb2 import Manifest
from dragoman.v1.translation_pb2 import (
    Model,
    StreamTranslateTextRequest,
    TranslateTextRequest,
    Translation,
)
from dragoman_server.engine import ANYBODY, NO_LIMIT, UNREAD, Outline, Sender, TimeLimit
from dragoman_server.errors import DeadlineError, OverloadError, UnavailableError
from dragoman_server.sequence import Completion, TranslationOptions
from dragoman_server.service.account import Usage
from dragoman_server.service.answers import Answers
from dragoman_server.service.orders import Order, Orders
from dragoman_server.service.terms import MarkedTexts, TermsReader
from dragoman_server.service.validation import (
    check_characters,
    check_code_points,
    check_contents,
    check_source_length,
)
from dragoman_server.terminology import Shelf

OnPartial = Callable[[list[int]], None]

TEXTS_AT_ONCE = 32
"""Of a request, tokenised or put on the wire before others have their turn on the event loop: a
thousand take tens of milliseconds."""

MEMORY_TEXTS = 64
"""From which is learned how many tokens a character makes."""


class TextCodec(Protocol):
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


class Again(NamedTuple):
    """What it takes to translate texts once more."""

    sources: list[list[int]]
    order: Order
    limit: TimeLimit
    sender: Sender
    usage: Usage | None


class Translator:
    """Translates into the wire's `Translation`s with one model.

    Attributes:
        model: As ListModels tells it.
        name, version: The model's.
    """

    def __init__(
        self,
        manifest: Manifest,
        model: Model,
        tokenizer: TextCodec,
        engine: TextQueue,
        check_memory: Callable[[], None] = lambda: None,
        *,
        shelf: Shelf | None = None,
    ) -> None:
        self.model = model
        self.name, self.version = model.name, model.version
        self._max_source_length = model.limits.max_input_length
        self._nothing = [manifest.special_tokens.end_id]
        self._orders = Orders(manifest, model.limits, tokenizer)
        self._terms = TermsReader(manifest, model.limits, tokenizer, shelf)
        self._answers = Answers(model.name, model.version, tokenizer)
        self._tokens_per_character = 0.0
        """Of the texts of just before."""
        self._tokenizer = tokenizer
        self._engine = engine
        self._check_memory = check_memory
        self._preparing = 0

    @property
    def is_preparing(self) -> bool:
        """Whether a call is here whose texts the engine is still to get."""
        return self._preparing > 0

    @property
    def is_at_ease(self) -> bool:
        """As the engine's."""
        return self._engine.is_at_ease

    def translates(self, source: str, target: str) -> bool:
        """Whether there is a pair for these codes, or several; empty ones fit every language.

        Raises:
            InvalidArgumentError: A code is too long.
        """
        return self._orders.translates(source, target)

    def check_room(
        self,
        limit: TimeLimit,
        sender: Sender,
        texts_ahead: int = 0,
        request: TranslateTextRequest | None = None,
    ) -> None:
        """Refuses what the engine would refuse; costs next to nothing. See TextQueue.

        Args:
            limit: When the answer is due.
            sender: Whose the request is.
            texts_ahead: That were let in before and are not yet here.
            request: None where nobody has read it.

        Raises:
            QueueFullError, WouldExpireError: The engine's.
        """
        self._check_memory()
        outline = UNREAD
        if request is not None and request.contents:
            rate = self._tokens_per_character
            outline = Outline(
                [len(text) * rate for text in request.contents],
                request.options.max_decoding_length or math.inf,
            )
        self._engine.check_room(limit, outline, sender, texts_ahead)

    async def translate_texts(
        self,
        request: TranslateTextRequest,
        limit: TimeLimit = NO_LIMIT,
        sender: Sender = ANYBODY,
        usage: Usage | None = None,
    ) -> list[Translation]:
        """Translates all the texts, 1:1 and in order, or none.

        Cancelling it, or a failure of one text, takes the others out of the engine.

        Raises:
            InvalidArgumentError, NotFoundError: The request is wrong.
            OverloadError, DeadlineError, UnavailableError, BackendError: The engine's.
        """
        self._preparing += 1
        try:
            order = self._orders.read(request)
            terminology = self._terms.read(request, order.pair)
            marked = None if terminology is None else MarkedTexts(terminology)
            check_contents(request.contents, self.model.limits)
            sources = []
            for index, text in enumerate(request.contents):
                if index % TEXTS_AT_ONCE == TEXTS_AT_ONCE - 1:
                    await asyncio.sleep(0)
                source = self._encode(text if marked is None else marked.mark(text), order)
                if len(source) > self._max_source_length:
                    check_source_length(len(source), f"contents[{index}]", self.model.limits)
                sources.append(source)
            futures = self._submit(sources, order, limit, sender, usage=usage)
        finally:
            self._preparing -= 1
        translations = await self._translations(sources, futures, order, usage)
        if marked is not None:
            again = Again(sources, order, limit, sender, usage)
            await self._settle(marked, translations, again)
        return translations

    async def translate_text(
        self,
        request: StreamTranslateTextRequest,
        on_partial: OnPartial | None = None,
        limit: TimeLimit = NO_LIMIT,
        sender: Sender = ANYBODY,
        usage: Usage | None = None,
    ) -> Translation:
        """Translates a text of a stream; raises as `translate_texts` does.

        Args:
            request: The text and its options.
            on_partial: Called with the target tokens so far, for `partial_text`.
            limit: When its translation is due.
            sender: Whose it is.
            usage: Told what it takes, where somebody wants to know.
        """
        order = self._orders.read(request)
        terminology = self._terms.read(request, order.pair)
        marked = None if terminology is None else MarkedTexts(terminology)
        check_code_points([request.content], "content", self.model.limits)
        check_characters(request.content, "content")
        content = request.content if marked is None else marked.mark(request.content)
        source = self._encode(content, order)
        if marked is not None and marked.hides:
            on_partial = None
        check_source_length(len(source), "content", self.model.limits)
        futures = self._submit([source], order, limit, sender, on_partial=on_partial, usage=usage)
        translations = await self._translations([source], futures, order, usage)
        if marked is not None:
            again = Again([source], order, limit, sender, usage)
            await self._settle(marked, translations, again)
        return translations[0]

    def partial_text(self, token_ids: list[int]) -> str:
        """Returns the text of a translation's beginning."""
        return self._tokenizer.decode(token_ids)

    def _encode(self, text: str, order: Order) -> list[int]:
        """Returns the source tokens of a text; none where there is nothing to translate."""
        if not text or text.isspace():
            return []
        token_ids = self._tokenizer.encode(text)
        if not token_ids or token_ids == self._nothing:
            return []
        rate = len(token_ids) / len(text)
        self._tokens_per_character += (rate - self._tokens_per_character) / MEMORY_TEXTS
        return order.source_prefix + token_ids + order.source_suffix

    def _submit(
        self,
        sources: list[list[int]],
        order: Order,
        limit: TimeLimit,
        sender: Sender,
        *,
        on_partial: OnPartial | None = None,
        usage: Usage | None,
        each: list[TranslationOptions] | None = None,
    ) -> list[asyncio.Future[Completion]]:
        """Gives the engine what there is to translate, as the order says or `each` does."""
        submitted = [source for source in sources if source]
        if not submitted:
            return []
        each = each or [
            order.options.of_text(index, source_length=len(source))
            for index, source in enumerate(sources)
            if source
        ]
        if usage is not None:
            usage.submit(submitted, each)
        return self._engine.submit(
            submitted,
            each,
            on_partial,
            limit,
            sender,
            wants_timing=usage is not None and usage.is_timed,
        )

    async def _settle(
        self, marked: MarkedTexts, translations: list[Translation], again: Again
    ) -> None:
        """Gives translations what they must have, where they lack it by translating once more."""
        options = {
            index: bound
            for index in marked.failed(translations)
            if (bound := self._bound(marked, index, again)) is not None
        }
        sources = [again.sources[index] for index in options]
        try:
            futures = self._submit(
                sources,
                again.order,
                again.limit,
                again.sender,
                usage=again.usage,
                each=list(options.values()),
            )
            found = await self._translations(sources, futures, again.order, again.usage)
        except (OverloadError, DeadlineError, UnavailableError):
            found = []  # no time or room is left, or the version was replaced: it goes without
        for index, new in zip(options, found, strict=False):
            if marked.is_better(index, new, translations[index]):
                translations[index] = new
        marked.settle(translations)

    def _bound(self, marked: MarkedTexts, index: int, again: Again) -> TranslationOptions | None:
        length = len(again.sources[index])
        options = again.order.options.of_text(index, source_length=length)
        return marked.bound(index, options, self.model.limits.max_beam_size)

    async def _translations(
        self,
        sources: list[list[int]],
        futures: list[asyncio.Future[Completion]],
        order: Order,
        usage: Usage | None,
    ) -> list[Translation]:
        """Waits for what was submitted; an error, or nobody waiting, takes all of it back."""
        if not futures:
            return [self._answers.of_nothing() for _ in sources]
        try:
            finished = [await futures[0]] if len(futures) == 1 else await asyncio.gather(*futures)
        finally:
            for future in futures:
                future.cancel()
        if usage is not None:
            usage.finish(finished)
        completions = iter(finished)
        translations = []
        for index, source in enumerate(sources):
            if index % TEXTS_AT_ONCE == TEXTS_AT_ONCE - 1:
                await asyncio.sleep(0)
            translations.append(
                self._answers.of(next(completions), source_tokens=len(source), forced=order.forced)
                if source
                else self._answers.of_nothing()
            )
        return translations
