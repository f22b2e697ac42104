"""Translates the texts of a request: validate, split, tokenise, submit, await, put together.

A text becomes the source tokens of the whole, or the pieces of a SplitText; each of these is
decoded with options of its own, once more where it lacks what it must have, and what comes of them
is one Translation. Knows one model with its tokenizer and the engine that runs it. Does not know
grpc, nor how the engine batches.
"""

import asyncio
import math
from collections.abc import Callable, Coroutine, Sequence

from dragoman.v1.bundle_pb2 import Manifest
from dragoman.v1.translation_pb2 import (
    Model,
    StreamTranslateTextRequest,
    TranslateTextRequest,
    Translation,
)
from dragoman_server.detection import LanguageDetector
from dragoman_server.engine import ANYBODY, NO_LIMIT, UNREAD, Outline, Sender, TimeLimit
from dragoman_server.monitoring import GuardUse
from dragoman_server.service.account import Usage
from dragoman_server.service.alignment import check_one_text
from dragoman_server.service.answers import TEXTS_AT_ONCE, Answers
from dragoman_server.service.attempts import Attempts
from dragoman_server.service.expectations import Expectations, asked_for
from dragoman_server.service.guarding import Guard, Guards, texts_of, warn
from dragoman_server.service.orders import Order, Orders
from dragoman_server.service.pieces import SplitText
from dragoman_server.service.progress import OnProgress, Progress, SplitProgress, WholeProgress
from dragoman_server.service.sources import Source, Sources
from dragoman_server.service.terms import TermsReader
from dragoman_server.service.text_queue import TextCodec, TextQueue
from dragoman_server.service.validation import (
    check_content,
    check_contents,
    read_segmentation,
)
from dragoman_server.terminology import Shelf, Terminology


class Translator:
    """Translates into the wire's `Translation`s with one model.

    Attributes:
        model: As ListModels tells it.
        name, version, limits: The model's.
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
        detector: LanguageDetector | None = None,
        record: Callable[[GuardUse], None] = lambda _: None,
    ) -> None:
        self.model = model
        self.name, self.version, self.limits = model.name, model.version, model.limits
        self._orders = Orders(manifest, model.limits, tokenizer)
        self._terms = TermsReader(manifest, model.limits, tokenizer, shelf)
        self._sources = Sources(model.limits, tokenizer, manifest.special_tokens.end_id)
        self._answers = Answers(manifest, model, tokenizer)
        self._decode = tokenizer.decode
        self._engine = engine
        self._guards = Guards(manifest, tokenizer, detector)
        self._attempts = Attempts(engine, most_pieces=max(2, model.limits.max_contents))
        self._check_memory = check_memory
        self._record = record
        self._preparing = 0

    @property
    def is_preparing(self) -> bool:
        """Whether a call is here whose texts the engine is still to get."""
        return self._preparing > 0 or self._attempts.is_preparing

    @property
    def glossary_generation(self) -> int:
        """How often the glossaries that the server has have changed."""
        return self._terms.generation

    @property
    def aligns(self) -> bool:
        """Whether it can tell which words of a text and of its translation belong together."""
        return self._orders.aligns

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
            outline = Outline(
                self._sources.expected_tokens(request.contents, request.segmentation),
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
            guard = self._guards.read(request, order)
            segmentation = read_segmentation(request)
            check_contents(request.contents, self.model.limits)
            if request.return_attention:
                check_one_text(len(request.contents))
            sources: list[Source] = []
            for index, text in enumerate(request.contents):
                if index % TEXTS_AT_ONCE == TEXTS_AT_ONCE - 1:
                    await asyncio.sleep(0)
                source: Source | None = None
                if terminology is None:
                    source = self._sources.whole(text, order, segmentation)
                if source is None:
                    field = f"contents[{index}]"
                    source = await self._read(text, order, segmentation, field, terminology)
                sources.append(source)
        finally:
            self._preparing -= 1
        return await self._translations(
            request.contents, sources, order, limit, sender, guard=guard, usage=usage
        )

    async def translate_text(
        self,
        request: StreamTranslateTextRequest,
        on_progress: OnProgress | None = None,
        limit: TimeLimit = NO_LIMIT,
        sender: Sender = ANYBODY,
        usage: Usage | None = None,
    ) -> Translation:
        """Translates a text of a stream; raises as `translate_texts` does.

        Args:
            request: The text and its options.
            on_progress: Told after each step what returns the translation's beginning.
            limit: When its translation is due.
            sender: Whose it is.
            usage: Told what it takes, where somebody wants to know.
        """
        text = request.content
        self._preparing += 1
        try:
            order = self._orders.read(request)
            terminology = self._terms.read(request, order.pair)
            guard = self._guards.read(request, order)
            segmentation = read_segmentation(request)
            check_content(text, self.model.limits)
            source = await self._read(text, order, segmentation, "content", terminology)
        finally:
            self._preparing -= 1
        progress = None
        if on_progress is not None:
            progress = self._progress(source, order, on_progress)
        translations = await self._translations(
            [text], [source], order, limit, sender, guard=guard, usage=usage, progress=progress
        )
        return translations[0]

    def _read(
        self,
        text: str,
        order: Order,
        segmentation: int,
        field: str,
        terminology: Terminology | None,
    ) -> Coroutine[None, None, Source]:
        if terminology is None:
            return self._sources.read(text, order, segmentation, field)
        return self._sources.read_marked(text, order, segmentation, field, terminology)

    def _progress(self, source: Source, order: Order, tell: OnProgress) -> Progress | None:
        """Returns who is told of a text's pieces; None where nothing could be shown of them."""
        appends = order.options.common.beam_size == 1
        if isinstance(source, SplitText):
            if all(piece.marked is not None and piece.marked.hides for piece in source.pieces):
                return None
            appends &= all(piece.marked is None for piece in source.pieces)
            return SplitProgress(source, order.spacing, self._decode, tell, appends=appends)
        return WholeProgress(self._decode, tell, appends=appends)

    async def _translations(
        self,
        texts: Sequence[str],
        sources: list[Source],
        order: Order,
        limit: TimeLimit,
        sender: Sender,
        *,
        guard: Guard | None,
        usage: Usage | None,
        progress: Progress | None = None,
    ) -> list[Translation]:
        """Has the texts translated; an error, or nobody waiting, takes all of them back."""
        asked = asked_for(sources, order)
        self._answers.check(asked.source_ids, order)
        expectations: Expectations | None = None
        if asked.marks or guard is not None:
            expectations = Expectations(
                asked,
                self._decode,
                order.forced,
                self.limits.max_beam_size,
                guard=guard,
                texts=[] if guard is None else texts_of(texts, sources),
            )
        finished = await self._attempts.decode(
            asked, expectations, limit, sender, usage=usage, progress=progress
        )
        translations = await self._answers.of_texts(texts, sources, finished, order)
        if expectations is not None and expectations.found:
            for reason, is_mended in expectations.found:
                self._record(GuardUse(self.name, reason, is_mended))
            warn(translations, sources, expectations.remaining)
        return translations
