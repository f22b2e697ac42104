"""Tells of a translation how sure it is, and each of its words.

Knows translations whole and in pieces, and what a model's calibration is for. Does not know what
the numbers are made of, which dragoman_server.confidence does.
"""

import asyncio
from collections.abc import Iterator, Sequence

from dragoman.v1.bundle_pb2 import Manifest
from dragoman.v1.translation_pb2 import Translation, WordConfidence
from dragoman_server.confidence.completions import Told, said_of, words_of_completion
from dragoman_server.confidence.features import SentenceFeatures, WordFeatures, sentence_features
from dragoman_server.confidence.regression import Regression
from dragoman_server.sequence import Completion
from dragoman_server.service.assembly import placed
from dragoman_server.service.orders import Order
from dragoman_server.service.pieces import Piece
from dragoman_server.service.relocation import Relocation
from dragoman_server.service.sources import Source
from dragoman_server.service.text_queue import TextCodec
from dragoman_server.texts import Span

PIECES_AT_ONCE = 32
"""Rated before others have their turn on the event loop."""


class Confidence:
    """A model's.

    Args:
        manifest: The model's.
        tokenizer: Says where tokens are in texts.
    """

    def __init__(self, manifest: Manifest, tokenizer: TextCodec) -> None:
        calibration = manifest.calibration
        self._sentence = Regression(calibration.sentence, SentenceFeatures._fields)
        self._word = Regression(calibration.word, WordFeatures._fields)
        self._typical_ratio = calibration.length_ratio.mean
        self._has_end = not manifest.tokenizer.bare_sources
        self._tokenizer = tokenizer

    async def rate(
        self,
        translations: Sequence[Translation],
        texts: Sequence[str],
        sources: Sequence[Source],
        completions: Sequence[Completion],
        order: Order,
    ) -> None:
        """Adds to translations how sure they are, each of their segments and each of their words.

        Args:
            translations: Those of a request, complete but for that.
            texts: Its texts.
            sources: As the engines had them.
            completions: Of their pieces, or of all of a text, in order.
            order: What it asks for.
        """
        remaining = iter(completions)
        number = 0
        for translation, text, source in zip(translations, texts, sources, strict=True):
            rated: list[tuple[float, int]] = []
            pieces = placed(translation, text, source) if source else []
            for index, (piece, target) in enumerate(pieces):
                number += 1
                if number % PIECES_AT_ONCE == 0:
                    await asyncio.sleep(0)
                told = told_of(order, has_end=self._has_end, piece=index)
                one = self._rate(translation, piece, target, next(remaining), told)
                if one is not None:
                    rated.append(one)
                    if translation.segments:
                        translation.segments[index].confidence = one[0]
            if (confidence := _mean(rated)) is not None:
                translation.confidence = confidence
            if not order.tells_token_scores:
                for each in (translation, *translation.hypotheses):
                    each.ClearField("token_scores")

    def _rate(
        self,
        translation: Translation,
        piece: Piece,
        target: Span,
        completion: Completion,
        told: Told,
    ) -> tuple[float, int] | None:
        """Adds the words of a piece; returns how sure it is, and of how many target tokens.

        None where the model chose nothing.
        """
        said = said_of(piece.source_ids, completion, told)
        if not said.scores:
            return None
        features = sentence_features(said, self._typical_ratio)
        shown = translation.translated_text[target.begin : target.end]
        for word in self._words(completion, told, shown, features.log_odds):
            word.begin += target.begin
            word.end += target.begin
            translation.words.append(word)
        return self._sentence.of(features), said.target_tokens

    def _words(
        self, completion: Completion, told: Told, shown: str, sentence_log_odds: float
    ) -> Iterator[WordConfidence]:
        """Yields the words of a piece that are as the model said them."""
        said, words = words_of_completion(self._tokenizer, completion, told, sentence_log_odds)
        relocation = None if said == shown else Relocation(said, shown)
        for word in words:
            place: tuple[int, int] | None = word.begin, word.end
            if relocation is not None:
                place = relocation.of(word.begin)
            if place is None or shown[slice(*place)] != said[word.begin : word.end]:
                continue  # something was put in its place
            confidence = self._word.of(word.features)
            yield WordConfidence(begin=place[0], end=place[1], confidence=confidence)


def confidence_of(parts: Sequence[Translation]) -> float | None:
    """Returns how sure a text is of which these are the parts; None where none of them is rated."""
    rated = [part for part in parts if part.HasField("confidence")]
    return _mean([(part.confidence, part.target_token_count) for part in rated])


def _mean(rated: Sequence[tuple[float, int]]) -> float | None:
    """Returns the mean of how sure parts are, by their target tokens; none counts as one."""
    weights = [max(1, tokens) for _, tokens in rated]
    total = sum(weight * sure for weight, (sure, _) in zip(weights, rated, strict=True))
    return total / sum(weights) if rated else None


def told_of(order: Order, *, has_end: bool, piece: int = 0) -> Told:
    """Returns what a model is told beside a piece of a text.

    Args:
        order: What its request asks for.
        has_end: Whether its sources have an end token.
        piece: Which of the text's it is: the first alone begins with the target_prefix.
    """
    source = len(order.source_prefix) + len(order.source_suffix) + has_end
    prefix = order.forced if piece else len(order.options.common.target_prefix)
    return Told(source, order.forced, prefix)
