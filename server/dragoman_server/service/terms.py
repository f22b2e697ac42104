"""Reads what a request wants of the words of its texts: placeholders, kept phrases, glossaries.

Knows the wire's fields. Does not know how texts are marked, nor how they are decoded.
"""

from collections.abc import Sequence

from dragoman.v1.bundle_pb2 import Manifest
from dragoman.v1.translation_pb2 import (
    GLOSSARY_MODE_HARD,
    GLOSSARY_MODE_SOFT,
    GLOSSARY_MODE_UNSPECIFIED,
    GlossaryConfig,
    Limits,
    StreamTranslateTextRequest,
    TranslateTextRequest,
)
from dragoman_server.errors import InvalidArgumentError
from dragoman_server.service.validation import check_characters, check_code_points, wrong_field
from dragoman_server.terminology import (
    MAX_TERM_LENGTH,
    Glossary,
    Pair,
    Phrases,
    Shelf,
    Speaker,
    Terminology,
    Voice,
    not_found,
)

MAX_PHRASES = 256
MAX_ENTRIES = 1000

MOST_KNOWN = 64
"""Different wishes that are remembered, mostly those of a stream's texts."""

MOST_KNOWN_BYTES = 64 * 1024
"""Of a wish that is remembered."""

_MODES = {
    GLOSSARY_MODE_UNSPECIFIED: False,
    GLOSSARY_MODE_HARD: False,
    GLOSSARY_MODE_SOFT: True,
}
"""Whether terms are soft."""

Request = TranslateTextRequest | StreamTranslateTextRequest


class TermsReader:
    """Reads what requests want of the words of one model.

    Args:
        manifest: The model's.
        limits: What a request may ask for.
        tokenizer: Says what the model can say.
        shelf: The server's glossaries; None where it has none.
    """

    def __init__(
        self, manifest: Manifest, limits: Limits, tokenizer: Speaker, shelf: Shelf | None
    ) -> None:
        self._voice = Voice(tokenizer, manifest.special_tokens.unknown_id)
        self._limits = limits
        self._shelf = shelf
        self._known: dict[object, Terminology] = {}

    @property
    def generation(self) -> int:
        """How often the server's glossaries have changed."""
        return 0 if self._shelf is None else self._shelf.generation

    def read(self, request: Request, pair: Pair) -> Terminology | None:
        """Returns what a request wants; None where that is nothing.

        Args:
            request: Of any kind.
            pair: Its languages.

        Raises:
            InvalidArgumentError: A field is wrong, or a glossary has no such language.
            NotFoundError: There is no such glossary.
        """
        if not (
            request.protect_placeholders
            or request.dnt_phrases
            or request.HasField("glossary_config")
        ):
            return None
        config = request.glossary_config.SerializeToString()
        phrases = tuple(request.dnt_phrases)
        key = (phrases, config, request.protect_placeholders, pair, self.generation)
        known = self._known.get(key)
        if known is None:
            known = self._read(request, pair)
            if len(config) + sum(map(len, phrases)) <= MOST_KNOWN_BYTES:
                if len(self._known) >= MOST_KNOWN:
                    self._known.clear()
                self._known[key] = known
        return known

    def _read(self, request: Request, pair: Pair) -> Terminology:
        self._check_terms(request.dnt_phrases, "dnt_phrases", MAX_PHRASES)
        glossaries: list[Phrases[str]] = []
        is_soft = False
        if request.HasField("glossary_config"):
            glossaries, is_soft = self._glossaries(request.glossary_config, pair)
        return Terminology(
            self._voice,
            protects=request.protect_placeholders,
            kept=request.dnt_phrases,
            glossaries=glossaries,
            is_soft=is_soft,
        )

    def _glossaries(self, config: GlossaryConfig, pair: Pair) -> tuple[list[Phrases[str]], bool]:
        if config.mode not in _MODES:
            given, allowed = str(config.mode), f"0 to {max(_MODES)}"
            reason = "OPTION_OUT_OF_RANGE"
            raise wrong_field("glossary_config.mode", given, allowed, reason=reason, verb="is")
        if not (config.glossary or config.entries):
            given, allowed = "neither a glossary nor entries", "one of them or both"
            raise wrong_field("glossary_config", given, allowed, reason="NO_GLOSSARY")
        terms = [term for each in config.entries for term in (each.source_term, each.target_term)]
        field = "glossary_config.entries"
        self._check_terms(terms, field, 2 * MAX_ENTRIES, of_each=2)
        entries = ((each.source_term, each.target_term) for each in config.entries)
        found = [Phrases(entries, ignore_case=config.ignore_case)]
        if config.glossary:
            found.append(self._of_shelf(config, pair))
        return found, _MODES[config.mode]

    def _of_shelf(self, config: GlossaryConfig, pair: Pair) -> Phrases[str]:
        glossary: Glossary
        if self._shelf is None:
            raise not_found(config.glossary, {})
        glossary = self._shelf.find(config.glossary)
        phrases = glossary.phrases(pair, ignore_case=config.ignore_case)
        if phrases is None:
            raise InvalidArgumentError(
                f"glossary_config.glossary has terms in {', '.join(glossary.languages)}, none from "
                f"{pair.source} to {pair.target}",
                field="glossary_config.glossary",
                reason="GLOSSARY_LANGUAGES",
                given=f"{pair.source} to {pair.target}",
                allowed=", ".join(glossary.languages),
            )
        return phrases

    def _check_terms(
        self, terms: Sequence[str], field: str, most: int, *, of_each: int = 1
    ) -> None:
        """Checks number, length and characters of phrases, or of entries of two terms each."""
        if len(terms) > most:
            given, allowed = f"{len(terms) // of_each} of them", f"at most {most // of_each}"
            raise wrong_field(field, given, allowed, reason="TOO_MANY_TERMS")
        check_code_points(terms, field, self._limits)
        for index, term in enumerate(terms):
            name = f"{field}[{index // of_each}]"
            if not 1 <= len(term) <= MAX_TERM_LENGTH:
                given, allowed = f"{len(term)} code points", f"1 to {MAX_TERM_LENGTH}"
                raise wrong_field(name, given, allowed, reason="TERM_LENGTH")
            if term != term.strip():
                allowed = "none there, and something else"
                raise wrong_field(name, "white space at an end", allowed, reason="TERM_BLANK")
            check_characters(term, name)
