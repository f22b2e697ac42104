"""What goes on the wire of what the engines made of texts.

Knows completions, texts whole and in pieces, and the wire's messages. Does not know how any of it
came about.
"""

import asyncio
from collections.abc import Iterator, Sequence
from itertools import islice

from dragoman.v1.bundle_pb2 import Manifest
from dragoman.v1.translation_pb2 import FINISH_REASON_STOP, Hypothesis, Model, Translation
from dragoman_server.sequence import Completion
from dragoman_server.service.assembly import FINISH_REASONS, assembled, by_rank, warnings_of
from dragoman_server.service.confidence import Confidence
from dragoman_server.service.explaining import Explainer
from dragoman_server.service.orders import Order
from dragoman_server.service.pieces import SplitText
from dragoman_server.service.sources import Source
from dragoman_server.service.text_queue import TextCodec

TEXTS_AT_ONCE = 32
"""Of a request, tokenised or put on the wire before others have their turn on the event loop: a
thousand take tens of milliseconds."""


class Answers:
    """A model's.

    Args:
        manifest: The model's.
        model: As ListModels tells it.
        tokenizer: Makes text of tokens, and says where they are in it.
    """

    def __init__(self, manifest: Manifest, model: Model, tokenizer: TextCodec) -> None:
        self._model, self._version = model.name, model.version
        self._most_tokens = model.limits.max_input_length
        self._tokenizer = tokenizer
        self._explainer = Explainer(manifest, tokenizer)
        self._confidence = Confidence(manifest, tokenizer)

    def check(self, submitted: Sequence[list[int]], order: Order) -> None:
        """Raises InvalidArgumentError where a text is too long for what is asked of it."""
        if order.explains:
            self._explainer.check(submitted, order)

    async def of_texts(
        self,
        texts: Sequence[str],
        sources: Sequence[Source],
        completions: Sequence[Completion],
        order: Order,
    ) -> list[Translation]:
        """Returns the translations of a request's texts, with all that it asks for of them.

        Args:
            texts: The texts.
            sources: As the engines had them.
            completions: What the engines made of their pieces, in order.
            order: What the request asks for.
        """
        remaining = iter(completions)
        translations = []
        for index, (text, source) in enumerate(zip(texts, sources, strict=True)):
            if index % TEXTS_AT_ONCE == TEXTS_AT_ONCE - 1:
                await asyncio.sleep(0)
            translations.append(self._of(text, source, remaining, order))
        if order.rates:
            await self._confidence.rate(translations, texts, sources, completions, order)
        return translations

    def _of(
        self, text: str, source: Source, completions: Iterator[Completion], order: Order
    ) -> Translation:
        """Returns a text's translation, of the next completions."""
        if isinstance(source, SplitText):
            finished = list(islice(completions, len(source.pieces)))
            translation = self._of_pieces(source, finished, order)
        elif source:
            finished = [next(completions)]
            translation = self._of_whole(
                finished[0], source_tokens=len(source), forced=order.forced
            )
        else:
            return self._of_nothing()
        if order.explains:
            self._explainer.explain(translation, text, source, finished, order)
        return translation

    def _of_whole(self, completion: Completion, *, source_tokens: int, forced: int) -> Translation:
        """Returns the translation of a text.

        Args:
            completion: What the engines made of it.
            source_tokens: Of the text.
            forced: Tokens that the target begins with and that are no part of its text.
        """
        scores = completion.token_scores
        return Translation(
            translated_text=self._tokenizer.decode(completion.token_ids[forced:]),
            finish_reason=FINISH_REASONS[completion.finish_reason],
            score=completion.score,
            source_token_count=source_tokens,
            target_token_count=len(completion.token_ids) - forced,
            model=self._model,
            model_version=self._version,
            token_scores=None if scores is None else scores[forced:],
            hypotheses=self._hypotheses(completion, forced) if completion.hypotheses else None,
        )

    def _of_pieces(
        self, split: SplitText, completions: list[Completion], order: Order
    ) -> Translation:
        """Returns the translation of a text that was split.

        Args:
            split: The text.
            completions: What the engines made of its pieces.
            order: What its request asks for.
        """
        decode = self._tokenizer.decode
        best, segments, warned = assembled(split, completions, order, decode)
        return Translation(
            translated_text=best.translated_text,
            finish_reason=best.finish_reason,
            score=best.score if best.HasField("score") else None,
            source_token_count=sum(len(piece.source_ids) for piece in split.pieces),
            target_token_count=best.target_token_count,
            model=self._model,
            model_version=self._version,
            token_scores=best.token_scores,
            hypotheses=[
                assembled(split, ranked, order, decode).hypothesis
                for ranked in by_rank(completions)
            ],
            segments=segments,
            warnings=warnings_of(split, self._most_tokens, warned),
        )

    def _of_nothing(self) -> Translation:
        """Returns the translation of a text in which there is nothing to translate."""
        return Translation(
            finish_reason=FINISH_REASON_STOP, model=self._model, model_version=self._version
        )

    def _hypotheses(self, completion: Completion, forced: int) -> list[Hypothesis]:
        return [
            Hypothesis(
                translated_text=self._tokenizer.decode(hypothesis.token_ids[forced:]),
                finish_reason=FINISH_REASONS[hypothesis.finish_reason],
                score=hypothesis.score,
                target_token_count=len(hypothesis.token_ids) - forced,
                token_scores=(hypothesis.token_scores or [])[forced:],
            )
            for hypothesis in completion.hypotheses
        ]
