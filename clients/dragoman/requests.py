"""Requests, and how a long list is cut to the server's limits.

Knows the request messages. Does not know calls or answers.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from dragoman.options import Options
from dragoman.results import Limits, Model
from dragoman.v1 import translation_pb2 as pb


class Cut(NamedTuple):
    """How many texts one request may carry."""

    contents: int
    """Texts, each counted for every language that it is translated into."""

    code_points: int
    """Code points in all of them together."""

    def into(self, languages: int) -> "Cut":
        """Returns how many texts it may carry that are translated into so many languages each."""
        return Cut(max(1, self.contents // languages), self.code_points // languages)


DEFAULT_CUT = Cut(contents=1024, code_points=30_000)
"""The limits of a server that was not told otherwise."""


class Part(NamedTuple):
    """Consecutive texts of a list, for one request."""

    offset: int
    """Position of the first of them in the list."""

    texts: list[str]
    """The texts."""

    targets: tuple[str, ...] = ()
    """Codes of the languages to translate into, where they are several."""

    @property
    def translations(self) -> int:
        """How many there will be."""
        return len(self.texts) * (len(self.targets) or 1)


def cut_for(models: Iterable[Model], name: str) -> Cut:
    """Returns how many texts a request to the model `name` may carry."""
    limits = [model.limits for model in models if model.answers_to(name)]
    return Cut(
        contents=min(map(_max_contents, limits), default=DEFAULT_CUT.contents),
        code_points=min(map(_max_code_points, limits), default=DEFAULT_CUT.code_points),
    )


def cut_texts(texts: list[str], cut: Cut, targets: tuple[str, ...] = ()) -> Iterator[Part]:
    """Yields `texts` in consecutive parts within the limits.

    A text that is over the limit alone makes a part of its own, and no texts make one empty part:
    it is the server that explains what is wrong with them.
    """
    cut = cut.into(len(targets)) if targets else cut
    start = code_points = 0
    for index, text in enumerate(texts):
        full = index - start == cut.contents or code_points + len(text) > cut.code_points
        if full and index > start:
            yield Part(start, texts[start:index], targets)
            start, code_points = index, 0
        code_points += len(text)
    yield Part(start, texts[start:], targets)


def unary_request(part: Part, options: Options) -> pb.TranslateTextRequest:
    """Returns the request for some texts."""
    return pb.TranslateTextRequest(
        contents=part.texts,
        source_language_code=options.source_language_code,
        target_language_code=options.target_language_code,
        target_language_codes=part.targets,
        model=options.model,
        options=options.message(part.offset),
        priority=options.priority_number,
        segmentation=options.segmentation_number,
        pivot_language_code=options.pivot_language_code,
        skip_cache=options.skip_cache,
        return_alignment=options.return_alignment,
        return_attention=options.return_attention,
        return_confidence=options.return_confidence,
        dnt_phrases=options.dnt_phrases,
        glossary_config=options.glossary_config,
        protect_placeholders=options.protect_placeholders,
        mime_type=options.mime_type or "",
        mixed_languages=options.mixed_languages,
        guard=options.guard_number,
    )


def stream_request(
    index: int, text: str, options: Options, *, partial_results: bool = False
) -> pb.StreamTranslateTextRequest:
    """Returns the request for one text of a stream."""
    return pb.StreamTranslateTextRequest(
        id=str(index),
        content=text,
        source_language_code=options.source_language_code,
        target_language_code=options.target_language_code,
        model=options.model,
        options=options.message(index),
        partial_results=partial_results,
        priority=options.priority_number,
        segmentation=options.segmentation_number,
        pivot_language_code=options.pivot_language_code,
        skip_cache=options.skip_cache,
        return_alignment=options.return_alignment,
        return_attention=options.return_attention,
        return_confidence=options.return_confidence,
        dnt_phrases=options.dnt_phrases,
        glossary_config=options.glossary_config,
        protect_placeholders=options.protect_placeholders,
        mime_type=options.mime_type or "",
        mixed_languages=options.mixed_languages,
        guard=options.guard_number,
    )


def detection_request(part: Part, *, spans: bool) -> pb.DetectLanguageRequest:
    """Returns the request for the languages of some texts, or of all their stretches too."""
    return pb.DetectLanguageRequest(contents=part.texts, return_spans=spans)


def _max_contents(limits: Limits) -> int:
    return limits.max_contents or DEFAULT_CUT.contents


def _max_code_points(limits: Limits) -> int:
    return limits.max_code_points or DEFAULT_CUT.code_points
