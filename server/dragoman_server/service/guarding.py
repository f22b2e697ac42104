"""The guard that a request asks for: what is known of its languages, and what is told of faults.

Knows the wire's field, a model's manifest and languages. Does not know how faults are found, which
is dragoman_server.quality's, nor how pieces are decoded once more.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dragoman.v1.bundle_pb2 import Manifest
from dragoman.v1.translation_pb2 import (
    GUARD_OFF,
    GUARD_RETRY,
    GUARD_WARN,
    StreamTranslateTextRequest,
    TranslateTextRequest,
    Translation,
)
from dragoman_server.detection import TAKEN_FOR, LanguageDetector
from dragoman_server.models import ANY_LANGUAGE, names, script
from dragoman_server.quality import UNKNOWN, Expected, Fault, Judge, LengthNorm, Sentence
from dragoman_server.runtime.attention_runner import MOST_TOKENS
from dragoman_server.service.alignment import source_spans
from dragoman_server.service.assembly import warnings_of_reasons
from dragoman_server.service.orders import Order
from dragoman_server.service.pieces import SplitText
from dragoman_server.service.sources import Source
from dragoman_server.service.text_queue import TextCodec
from dragoman_server.service.validation import wrong_field
from dragoman_server.terminology import Pair

MOST_KNOWN = 256
"""Pairs of languages whose judges are remembered."""


class Guard(NamedTuple):
    """What looks at the pieces of a request."""

    judge: Judge
    tokenizer: TextCodec
    mends: bool
    """Whether pieces with faults are decoded once more."""
    aligns: bool
    """Whether the model can tell which words stand for each other."""
    before: int
    """Source tokens before those of a text."""
    after: int
    """Behind them, without the end token."""
    end_id: int

    @property
    def norm(self) -> LengthNorm:
        """How long translations are."""
        return self.judge.norm

    def of_text(self, source_ids: list[int]) -> list[int]:
        """Returns the source tokens that are of a text."""
        ids = source_ids[self.before : len(source_ids) - self.after]
        return ids[:-1] if ids and ids[-1] == self.end_id else ids

    def faults(
        self, text: str, source_ids: list[int], target_ids: list[int], said: str
    ) -> tuple[Fault, ...]:
        """Returns what is wrong with the translation of a text; see Judge."""
        return self.judge.faults(Sentence(text, source_ids, said, target_ids))

    def may_lack(self, source_length: int, target_length: int) -> bool:
        """Whether a translation is to be aligned, and can be."""
        longest = max(source_length + self.before + self.after + 1, target_length)
        return (
            self.aligns
            and longest < MOST_TOKENS
            and self.judge.may_lack(source_length, target_length)
        )

    def lost(self, text: str, target_ids: list[int], weights: NDArray[np.float32]) -> Fault | None:
        """Returns what is lost of a text; `weights` are (target tokens, all source tokens)."""
        spans = source_spans(self.tokenizer, text, self.before, weights.shape[1])
        said = self.tokenizer.decode(target_ids)
        return self.judge.lost(text, said, weights, spans, self.tokenizer.target_spans(target_ids))


class Guards:
    """Of one model.

    Args:
        manifest: The model's.
        tokenizer: The model's.
        detector: Guesses languages; None where nobody does.
    """

    def __init__(
        self, manifest: Manifest, tokenizer: TextCodec, detector: LanguageDetector | None
    ) -> None:
        self._tokenizer = tokenizer
        self._detector = detector
        self._end_id = manifest.special_tokens.end_id
        self._aligns = manifest.HasField("attention")
        self._has_bytes = manifest.tokenizer.kind == "bytes"
        self._norm = UNKNOWN
        if manifest.calibration.HasField("length_ratio"):
            ratio = manifest.calibration.length_ratio
            self._norm = LengthNorm(ratio.mean, ratio.deviation)
        self._judges: dict[Pair, Judge] = {}

    def read(
        self, request: TranslateTextRequest | StreamTranslateTextRequest, order: Order
    ) -> Guard | None:
        """Returns the guard that a request asks for; None where it asks for none.

        Raises:
            InvalidArgumentError: The number means nothing.
        """
        number = request.guard
        if not number or number == GUARD_OFF:
            return None
        if number not in (GUARD_WARN, GUARD_RETRY):
            given, allowed = str(number), f"0 to {GUARD_RETRY}"
            raise wrong_field("guard", given, allowed, verb="is", reason="OPTION_OUT_OF_RANGE")
        return Guard(
            self._judge(order.pair),
            self._tokenizer,
            number == GUARD_RETRY,
            self._aligns,
            len(order.source_prefix),
            len(order.source_suffix),
            self._end_id,
        )

    def _judge(self, pair: Pair) -> Judge:
        if (judge := self._judges.get(pair)) is None:
            if len(self._judges) >= MOST_KNOWN:
                self._judges.clear()
            judge = self._judges[pair] = self._new_judge(pair)
        return judge

    def _new_judge(self, pair: Pair) -> Judge:
        own = names(pair.target)
        guessed: frozenset[str] = frozenset()
        if self._detector is not None:
            taken = {said for said, others in TAKEN_FOR.items() if own.intersection(others)}
            guessed = (own | taken) & self._detector.languages
        is_other = pair.source not in ANY_LANGUAGE and not own & names(pair.source)
        expected = Expected(
            self._norm,
            script(pair.target),
            guessed,
            by_words=self._has_bytes,
            is_other=is_other,
        )
        return Judge(expected, self._tokenizer.decode, self._detector)


def texts_of(contents: Sequence[str], sources: Sequence[Source]) -> list[str]:
    """Returns the texts of all pieces as the model is given them."""
    texts = []
    for content, source in zip(contents, sources, strict=True):
        if isinstance(source, SplitText):
            texts += [piece.given(content) for piece in source.pieces]
        elif source:
            texts.append(content)
    return texts


def warn(
    translations: Sequence[Translation],
    sources: Sequence[Source],
    remaining: Mapping[int, Sequence[Fault]],
) -> None:
    """Adds to translations what stayed wrong with them, and with which of their sentences."""
    begin = 0
    for translation, source in zip(translations, sources, strict=True):
        count = len(source.pieces) if isinstance(source, SplitText) else bool(source)
        faults = list(_numbered(remaining, begin, count))
        translation.warnings.extend(warnings_of_reasons(faults))
        begin += count


def _numbered(remaining: Mapping[int, Sequence[Fault]], begin: int, count: int) -> Iterator[Fault]:
    for index in range(begin, begin + count):
        for fault in remaining.get(index, ()):
            if count == 1:
                yield fault
            else:
                number = index - begin + 1
                yield fault._replace(message=f"sentence {number} of {count}: {fault.message}")
