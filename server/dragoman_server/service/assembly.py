"""Puts the translations of a text's pieces together, with what the text has between them.

Knows pieces, what became of them, and the wire's messages. Does not know how they are translated.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from dragoman.v1 import translation_pb2 as pb
from dragoman_server.quality import Fault
from dragoman_server.sequence import Completion, FinishReason, Hypothesis, TranslationOptions
from dragoman_server.service.orders import Order
from dragoman_server.service.pieces import Piece, SplitText
from dragoman_server.terminology import Warned
from dragoman_server.texts import Spacing, Span

SENTENCE_SPLIT = "SENTENCE_SPLIT"

FINISH_REASONS = {
    FinishReason.STOP: pb.FINISH_REASON_STOP,
    FinishReason.LENGTH: pb.FINISH_REASON_LENGTH,
}

Finished = Completion | Hypothesis
"""What became of a piece."""


class Joined(NamedTuple):
    """The translations of some pieces, put together."""

    text: str
    """Up to the end of the last of them."""
    spans: list[Span]
    """Where they are."""


class Assembled(NamedTuple):
    """One translation of a text, as the wire has it."""

    hypothesis: pb.Hypothesis
    segments: list[pb.Segment]
    """None where the text was not split."""
    warned: list[Warned]
    """What did not go as it should in its pieces."""


def joined(split: SplitText, texts: Iterable[str], spacing: Spacing) -> Joined:
    """Returns the translations of the first pieces, or of all, put together as the text is.

    Args:
        split: The text.
        texts: Translations of as many of its pieces, in order.
        spacing: Of the language that they are in.
    """
    text, pieces = split.text, split.pieces
    parts: list[str] = []
    spans: list[Span] = []
    begin = length = 0
    for translated, piece in zip(texts, pieces, strict=False):
        between = text[begin : piece.span.begin]
        if spans:
            between = spacing.between(between, text[begin - 1])
        parts += (between, translated)
        length += len(between)
        spans.append(Span(length, length + len(translated)))
        length += len(translated)
        begin = piece.span.end
    return Joined("".join(parts), spans)


def assembled(
    split: SplitText, each: Sequence[Finished], order: Order, decode: Callable[[list[int]], str]
) -> Assembled:
    """Returns the translation that those of a text's pieces make.

    Args:
        split: The text.
        each: What became of each piece.
        order: What the request asks for.
        decode: Returns the text of target tokens.
    """
    forced = order.forced
    texts: list[str] = []
    warned: list[Warned] = []
    for piece, finished in zip(split.pieces, each, strict=True):
        translated = decode(finished.token_ids[forced:])
        if piece.marked is not None:
            translated, warnings = piece.marked.settle(translated)
            warned += warnings
        texts.append(translated)
    text, spans = joined(split, texts, order.spacing)
    is_cut = any(finished.finish_reason is FinishReason.LENGTH for finished in each)
    hypothesis = pb.Hypothesis(
        translated_text=text + split.rest,
        finish_reason=pb.FINISH_REASON_LENGTH if is_cut else pb.FINISH_REASON_STOP,
        score=score_of(each, order.options.common),
        target_token_count=sum(len(finished.token_ids) - forced for finished in each),
        token_scores=[score for one in each for score in (one.token_scores or [])[forced:]],
    )
    spans = [] if split.is_whole else spans
    segments = [
        pb.Segment(
            source_begin=piece.span.begin,
            source_end=piece.span.end,
            target_begin=span.begin,
            target_end=span.end,
            finish_reason=FINISH_REASONS[finished.finish_reason],
            score=finished.score,
            source_token_count=len(piece.source_ids),
            target_token_count=len(finished.token_ids) - forced,
        )
        for piece, finished, span in zip(split.pieces, each, spans, strict=not split.is_whole)
    ]
    return Assembled(hypothesis, segments, warned)


def placed(
    translation: pb.Translation, text: str, source: list[int] | SplitText
) -> list[tuple[Piece, Span]]:
    """Returns the pieces of a text, or all of it as one, and where their translations are.

    Args:
        translation: The text's, with its segments.
        text: The text.
        source: As the engines had it.
    """
    if not isinstance(source, SplitText):
        pieces = [Piece(Span(0, len(text)), source)]
    else:
        pieces = source.pieces
    if translation.segments:
        targets = [Span(each.target_begin, each.target_end) for each in translation.segments]
    else:
        targets = [Span(0, len(translation.translated_text))] * len(pieces)
    return list(zip(pieces, targets, strict=True))


def by_rank(completions: Sequence[Completion]) -> Iterator[list[Hypothesis]]:
    """Yields, best first, a hypothesis of each piece: that of a rank, or the last of fewer."""
    ranks = max((len(completion.hypotheses) for completion in completions), default=0)
    for rank in range(ranks):
        yield [each.hypotheses[min(rank, len(each.hypotheses) - 1)] for each in completions]


def score_of(each: Sequence[Finished], options: TranslationOptions) -> float | None:
    """Returns the score of a text as if its pieces were one sentence; None without scores.

    Their log-probabilities are added up, and divided by the sum of their lengths to the power that
    theirs are divided by.
    """
    if len(each) == 1:
        return each[0].score
    has_beams = options.beam_size > 1
    power = options.length_penalty if has_beams else 1.0
    uncounted = len(options.target_prefix) - options.forced_length
    scored: list[tuple[float, int]] = []
    for finished in each:
        if finished.score is None:
            return None
        has_end = has_beams or finished.finish_reason is FinishReason.STOP
        scored.append((finished.score, max(1, len(finished.token_ids) - uncounted + has_end)))
        uncounted = 0  # the first piece alone begins with the target_prefix
    return joint_score(scored, power) if scored else None


def joint_score(scored: Sequence[tuple[float, int]], power: float) -> float:
    """Returns the score of sentences as if they were one.

    Args:
        scored: The score of each, and how many tokens it is of.
        power: Of their number, that scores are divided by.
    """
    log_probability = 0.0
    for score, counted in scored:
        log_probability += score * float(counted) ** power
    length = sum(counted for _, counted in scored)
    return float(log_probability / float(length) ** power)


def warnings_of(
    split: SplitText, most_tokens: int, warned: Sequence[Warned] = ()
) -> list[pb.Warning]:
    """Returns what a caller should know of a text and its pieces, each reason once."""
    warnings = []
    if count := split.sentences_cut:
        sentences = "sentences have" if count > 1 else "sentence has"
        message = f"{count} {sentences} more than {most_tokens} source tokens: translated in parts"
        warnings.append(pb.Warning(reason=SENTENCE_SPLIT, message=message))
    return warnings + warnings_of_reasons(warned)


def warnings_of_reasons(warned: Sequence[Warned | Fault]) -> list[pb.Warning]:
    """Returns a warning for each reason: the first message, and how many are like it."""
    by_reason: dict[str, list[str]] = {}
    for each in warned:
        by_reason.setdefault(each.reason, []).append(each.message)
    warnings = []
    for reason, (message, *others) in by_reason.items():
        more = f"; {len(others)} more like it" if others else ""
        warnings.append(pb.Warning(reason=reason, message=message + more))
    return warnings
