"""A text as stretches of one language each, and their translations put together as the text is.

Knows spans, and what translations have that counts for the whole. Does not know how languages are
found out, nor how anything is translated.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from dragoman.v1 import translation_pb2 as pb
from dragoman.v1.translation_pb2 import (
    FINISH_REASON_LENGTH,
    FINISH_REASON_STOP,
    AlignmentLink,
    DecodingOptions,
    Segment,
    Translation,
)
from dragoman_server.detection import UNDETERMINED, Guess
from dragoman_server.errors import listed
from dragoman_server.service.assembly import joint_score
from dragoman_server.service.confidence import confidence_of
from dragoman_server.texts import Spacing

LANGUAGE_NOT_TRANSLATED = "LANGUAGE_NOT_TRANSLATED"

MOST_TOLD = 5
"""Languages that a warning names."""


class Part(NamedTuple):
    """A stretch of a text."""

    begin: int
    end: int
    language: Guess
    """`und` where it is not sure enough."""
    is_translated: bool
    is_left: bool = False
    """Whether it is not, though it is not in the target language."""


def joined(
    text: str,
    parts: Sequence[Part],
    translations: Iterator[Translation],
    spacing: Spacing,
    options: DecodingOptions,
) -> Translation:
    """Returns the translation of a text.

    Args:
        text: The text.
        parts: Its stretches, in order.
        translations: The next of them are those of the parts that are translated.
        spacing: Of the target language.
        options: With which they were translated.
    """
    whole = Translation(finish_reason=FINISH_REASON_STOP)
    made: list[Translation] = []
    said: list[str] = []
    length = 0
    before: Part | None = None
    for part in parts:
        said.append(_between(text, before, part, spacing))
        length += len(said[-1])
        if part.is_translated:
            made.append(next(translations))
            _add(whole, made[-1], part, length)
            said.append(made[-1].translated_text)
        else:
            whole.segments.append(_kept(part, length))
            said.append(text[part.begin : part.end])
        length += len(said[-1])
        before = part
    whole.translated_text = "".join([*said, text[before.end if before else 0 :]])
    _name_models(whole, made)
    if (score := _score(made, options)) is not None:
        whole.score = score
    if (confidence := confidence_of(made)) is not None:
        whole.confidence = confidence
    whole.warnings.extend(_warnings(parts, made))
    language = _language(parts)
    whole.detected_language_code = language.language_code
    whole.detected_language_confidence = language.confidence
    return whole


def _between(text: str, before: Part | None, part: Part, spacing: Spacing) -> str:
    """Returns what stands before a part: as the text has it where nothing is translated."""
    if before is None:
        return text[: part.begin]
    gap = text[before.end : part.begin]
    if not (before.is_translated or part.is_translated):
        return gap
    return spacing.between(gap, text[before.end - 1])


def _add(whole: Translation, part: Translation, where: Part, at: int) -> None:
    """Adds what a part's translation has to that of the whole, where it begins at `at`."""
    if part.finish_reason == FINISH_REASON_LENGTH:
        whole.finish_reason = FINISH_REASON_LENGTH
    whole.source_token_count += part.source_token_count
    whole.target_token_count += part.target_token_count
    whole.token_scores.extend(part.token_scores)
    for segment in part.segments or [_as_segment(part, where)]:
        added = whole.segments.add()
        added.CopyFrom(segment)
        added.detected_language_code = where.language.language_code
        _move(added, where.begin, at)
    for link in part.alignment:
        added_link = whole.alignment.add()
        added_link.CopyFrom(link)
        _move(added_link, where.begin, at)
    for word in part.words:
        whole.words.add(begin=at + word.begin, end=at + word.end, confidence=word.confidence)


def _as_segment(part: Translation, where: Part) -> Segment:
    """Returns the one segment of a part that was translated whole."""
    return Segment(
        source_end=where.end - where.begin,
        target_end=len(part.translated_text),
        finish_reason=part.finish_reason,
        score=part.score if part.HasField("score") else None,
        source_token_count=part.source_token_count,
        target_token_count=part.target_token_count,
        confidence=part.confidence if part.HasField("confidence") else None,
    )


def _kept(part: Part, at: int) -> Segment:
    """Returns the segment of a part that stays as it is."""
    return Segment(
        source_begin=part.begin,
        source_end=part.end,
        target_begin=at,
        target_end=at + part.end - part.begin,
        finish_reason=FINISH_REASON_STOP,
        detected_language_code=part.language.language_code,
    )


def _move(spans: Segment | AlignmentLink, source: int, target: int) -> None:
    spans.source_begin += source
    spans.source_end += source
    spans.target_begin += target
    spans.target_end += target


def _name_models(whole: Translation, made: Sequence[Translation]) -> None:
    models = dict.fromkeys((each.model, each.model_version) for each in made)
    whole.model = ",".join(name for name, _ in models)
    whole.model_version = ",".join(version for _, version in models)


def _score(made: Sequence[Translation], options: DecodingOptions) -> float | None:
    """Returns the score as if all parts were one sentence's; see assembly.score_of."""
    scored = [each for each in made if each.source_token_count]
    if not scored or not all(each.HasField("score") for each in scored):
        return None
    if len(scored) == 1:
        return scored[0].score
    has_beams = options.beam_size > 1
    power = options.length_penalty if has_beams and options.HasField("length_penalty") else 1.0
    counted = [(each.score, _counted(each, has_beams=has_beams)) for each in scored]
    return joint_score(counted, power)


def _counted(made: Translation, *, has_beams: bool) -> int:
    """Returns how many tokens a translation's score is of, those that end its sentences counted."""
    return sum(
        max(1, each.target_token_count + (has_beams or each.finish_reason == FINISH_REASON_STOP))
        for each in made.segments or [made]
    )


def _warnings(parts: Sequence[Part], made: Sequence[Translation]) -> list[pb.Warning]:
    """Returns the warnings of all parts, each once, and which of them were left as they are."""
    told = dict.fromkeys((each.reason, each.message) for one in made for each in one.warnings)
    warnings = [pb.Warning(reason=reason, message=message) for reason, message in told]
    left = [part.language.language_code for part in parts if part.is_left]
    if left:
        codes = list(dict.fromkeys(left))
        parts_stay = (
            "1 part stays as it is" if len(left) == 1 else f"{len(left)} parts stay as they are"
        )
        message = f"{parts_stay}, in what cannot be translated or is not sure enough ("
        message += f"{listed(codes, MOST_TOLD)})"
        warnings.append(pb.Warning(reason=LANGUAGE_NOT_TRANSLATED, message=message))
    return warnings


def _language(parts: Sequence[Part]) -> Guess:
    """Returns the language that most of a text is in, and how sure that is of what is."""
    sizes: dict[str, int] = {}
    sure: dict[str, float] = {}
    for begin, end, (code, confidence), *_ in parts:
        sizes[code] = sizes.get(code, 0) + end - begin
        sure[code] = sure.get(code, 0.0) + confidence * (end - begin)
    if not sizes:
        return Guess(UNDETERMINED, 0.0)
    code = max(sizes, key=sizes.__getitem__)
    return Guess(code, sure[code] / sizes[code])
