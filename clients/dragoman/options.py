"""How texts are to be translated, and how that is put on the wire.

What is allowed for an option is the server's to say: only what the wire cannot carry is refused
here, when options are made.
"""

import dataclasses
import reprlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Self, TypedDict, cast

from dragoman.arguments import (
    INT32_BITS,
    INT64_BITS,
    as_bool,
    as_float,
    as_int,
    is_sequence,
    refusal,
    utf8_size,
    wrong_type,
)
from dragoman.glossary import Entries, as_entries
from dragoman.v1 import translation_pb2 as pb

MAX_OPTIONS_BYTES = 100_000
"""Of all strings among the options: so much a message has room for beside the largest text."""

FRAME_BYTES = 6
"""At most, that the wire needs beside each string."""

Priority = Literal["interactive", "bulk"]

MimeType = Literal["text/plain", "text/html"]

EarlyStopping = bool | Literal["never"]
"""As transformers' `generate` has it."""

_EARLY_STOPPING = {
    False: pb.EARLY_STOPPING_FALSE,
    True: pb.EARLY_STOPPING_TRUE,
    "never": pb.EARLY_STOPPING_NEVER,
}

_PRIORITY = {
    None: pb.PRIORITY_UNSPECIFIED,
    "interactive": pb.PRIORITY_INTERACTIVE,
    "bulk": pb.PRIORITY_BULK,
}

Segmentation = Literal["auto", "sentences", "none"]

_SEGMENTATION = {
    None: pb.SEGMENTATION_UNSPECIFIED,
    "auto": pb.SEGMENTATION_AUTO,
    "sentences": pb.SEGMENTATION_SENTENCES,
    "none": pb.SEGMENTATION_NONE,
}

GlossaryMode = Literal["hard", "soft"]

_GLOSSARY_MODE = {
    None: pb.GLOSSARY_MODE_UNSPECIFIED,
    "hard": pb.GLOSSARY_MODE_HARD,
    "soft": pb.GLOSSARY_MODE_SOFT,
}

Guard = Literal["off", "warn", "retry"]

_GUARD = {
    None: pb.GUARD_UNSPECIFIED,
    "off": pb.GUARD_OFF,
    "warn": pb.GUARD_WARN,
    "retry": pb.GUARD_RETRY,
}

_CHOICES: dict[str, Mapping[str | None, object]] = {
    "glossary_mode": _GLOSSARY_MODE,
    "priority": _PRIORITY,
    "segmentation": _SEGMENTATION,
    "guard": _GUARD,
}
"""Each with what it stands for on the wire; None where nothing is said."""

_CODES = ("source_language_code", "target_language_code", "model", "pivot_language_code")
_INTEGERS = {
    "beam_size": INT32_BITS,
    "max_decoding_length": INT32_BITS,
    "min_decoding_length": INT32_BITS,
    "num_hypotheses": INT32_BITS,
    "no_repeat_ngram_size": INT32_BITS,
    "sampling_topk": INT32_BITS,
    "seed": INT64_BITS,
}
_NUMBERS = (
    "length_penalty",
    "max_length_factor",
    "repetition_penalty",
    "sampling_topp",
    "sampling_temperature",
)
_SWITCHES = ("return_scores", "return_token_scores")
_OWN_SWITCHES = (
    "glossary_ignore_case",
    "protect_placeholders",
    "skip_cache",
    "mixed_languages",
    "return_alignment",
    "return_attention",
    "return_confidence",
)
"""That are no decoding options."""


class TranslateOptions(TypedDict, total=False):
    """Keyword arguments that say how texts are translated.

    What is not given, or given as None, is the model's default.
    """

    source_language_code: str
    """BCP-47; may be empty where only one language pair then fits, or where the server finds out
    the language of each text."""

    target_language_code: str
    """BCP-47; may be empty where only one language pair then fits."""

    model: str
    """May be empty where the server has one model."""

    beam_size: int | None
    """Hypotheses kept at each step; 1 is greedy search."""

    max_decoding_length: int | None
    """Most target tokens of a translation; one that reaches it has the finish reason LENGTH."""

    min_decoding_length: int | None
    """Fewest target tokens of a translation."""

    length_penalty: float | None
    """Exponent of the length by which beam search divides a hypothesis' log-probability; more
    favours longer translations."""

    max_length_factor: float | None
    """Most target tokens for each source token, where that is less than max_decoding_length."""

    num_hypotheses: int | None
    """Translations of each text in `Translation.hypotheses`, at most beam_size."""

    early_stopping: EarlyStopping | None
    """When beam search ends, once beam_size hypotheses are finished: False when the best running
    one is no better at its present length, True at once, "never" when none can get better at any
    length."""

    repetition_penalty: float | None
    """At least 1; more makes what was said already less likely."""

    no_repeat_ngram_size: int | None
    """No so many tokens in a row are said twice; 0 allows all."""

    suppress_sequences: Sequence[str]
    """Texts that the translations must not have, from the beginning of a word on; the same text cut
    into other tokens may appear."""

    target_prefix: str
    """What each translation begins with."""

    sampling_topk: int | None
    """Tokens of the best that each token is drawn from; 1 takes the best."""

    sampling_topp: float | None
    """Of those, the best that together have this probability."""

    sampling_temperature: float | None
    """More than 1 draws unlikely tokens more often."""

    seed: int | None
    """The same seed gives the same translations; without one each time others are drawn."""

    return_scores: bool | None
    """Whether `Translation.score` is computed."""

    return_token_scores: bool
    """Whether `Translation.token_scores` is computed."""

    dnt_phrases: Sequence[str]
    """Phrases that are not translated: where a text has one, its translation has it too."""

    glossary: str
    """Name of a glossary of the server, or NAME@VERSION."""

    glossary_entries: Mapping[str, str] | Sequence[tuple[str, str]]
    """Terms beside that, and what they become."""

    glossary_ignore_case: bool
    """Whether texts may have terms in capitals or without."""

    glossary_mode: GlossaryMode | None
    """Whether translations have target terms as they are, "hard", which is the default, or may
    inflect them, "soft"."""

    protect_placeholders: bool
    """Whether placeholders such as %s and {name}, tags, code, URLs and e-mail addresses come out
    as they are, each as often as in the text."""
    return_alignment: bool
    """Whether `Translation.alignment` is there; the translation is the same."""

    return_attention: bool
    """Whether `Translation.attention` is; of one text at a time, and not a long one."""

    return_confidence: bool
    """Whether `Translation.confidence` and `words` are, by a model that is calibrated."""

    mime_type: MimeType | None
    """What the texts are: "text/plain", which is the default, or "text/html", whose tags are kept
    and go round the words that theirs become."""

    priority: Priority | None
    """Whether somebody waits for the texts, which is the default, or they give way to others."""

    segmentation: Segmentation | None
    """Whether texts are split into sentences, and their layout kept: those with several lines,
    items of lists and longer ones with several sentences, which is the default, every one or
    none."""

    pivot_language_code: str
    """BCP-47; of a language to translate through where no model translates directly."""

    skip_cache: bool
    """Whether texts are translated anew where the server keeps translations."""

    mixed_languages: bool
    """Whether texts may be in several languages: each stretch is translated from its own, and what
    is in the target language, or in one that cannot be translated, stays as it is."""

    guard: Guard | None
    """Whether translations are looked at for repetition, loss, another language and the source
    again: "warn" says so in `Translation.warnings`, "retry" translates such sentences once more
    before; "off" is the default."""


@dataclass(frozen=True, slots=True)
class Options:
    """TranslateOptions, complete.

    Raises:
        InvalidArgumentError: One of them cannot be sent.
    """

    source_language_code: str = ""
    target_language_code: str = ""
    model: str = ""
    beam_size: int | None = None
    max_decoding_length: int | None = None
    min_decoding_length: int | None = None
    length_penalty: float | None = None
    max_length_factor: float | None = None
    num_hypotheses: int | None = None
    early_stopping: EarlyStopping | None = None
    repetition_penalty: float | None = None
    no_repeat_ngram_size: int | None = None
    suppress_sequences: Sequence[str] = ()
    target_prefix: str = ""
    sampling_topk: int | None = None
    sampling_topp: float | None = None
    sampling_temperature: float | None = None
    seed: int | None = None
    return_scores: bool | None = None
    return_token_scores: bool = False
    dnt_phrases: Sequence[str] = ()
    glossary: str = ""
    glossary_entries: Mapping[str, str] | Sequence[tuple[str, str]] = ()
    glossary_ignore_case: bool = False
    glossary_mode: GlossaryMode | None = None
    protect_placeholders: bool = False
    return_alignment: bool = False
    return_attention: bool = False
    return_confidence: bool = False
    mime_type: MimeType | None = None
    priority: Priority | None = None
    segmentation: Segmentation | None = None
    pivot_language_code: str = ""
    skip_cache: bool = False
    mixed_languages: bool = False
    guard: Guard | None = None

    def __post_init__(self) -> None:
        for name, bits in _INTEGERS.items():
            if (value := getattr(self, name)) is not None:
                self._set(name, as_int(value, f"options.{name}", bits))
        for name in _NUMBERS:
            if (value := getattr(self, name)) is not None:
                self._set(name, as_float(value, f"options.{name}"))
        for name in _SWITCHES:
            if (value := getattr(self, name)) is not None:
                as_bool(value, f"options.{name}")
        for name in _OWN_SWITCHES:
            if (value := getattr(self, name)) is not None:
                as_bool(value, name)
        _check_early_stopping(self.early_stopping)
        for name, choices in _CHOICES.items():
            _check_choice(name, getattr(self, name), choices)
        if self.dnt_phrases is not None:
            self._set("dnt_phrases", _as_texts(self.dnt_phrases, "dnt_phrases"))
        if self.glossary_entries is not None:
            self._set("glossary_entries", as_entries(self.glossary_entries, "glossary_entries"))
        if self.suppress_sequences is not None:
            texts = _as_texts(self.suppress_sequences, "options.suppress_sequences")
            self._set("suppress_sequences", texts)
        self._check_strings()

    def from_index(self, index: int) -> Self:
        """Returns the options for a part of a list, whose first text has this index in the whole.

        The server adds to the seed the index in the request: so a text draws the same however the
        list is cut.
        """
        if self.seed is None or not index:
            return self
        return dataclasses.replace(self, seed=_wrap_int64(self.seed + index))

    def message(self, index: int) -> pb.DecodingOptions:
        """Returns the decoding options as they go on the wire.

        Args:
            index: Of the request's first text in the whole list; see from_index.
        """
        return pb.DecodingOptions(
            beam_size=self.beam_size,
            max_decoding_length=self.max_decoding_length,
            min_decoding_length=self.min_decoding_length,
            length_penalty=self.length_penalty,
            max_length_factor=self.max_length_factor,
            num_hypotheses=self.num_hypotheses,
            early_stopping=(
                None if self.early_stopping is None else _EARLY_STOPPING[self.early_stopping]
            ),
            repetition_penalty=self.repetition_penalty,
            no_repeat_ngram_size=self.no_repeat_ngram_size,
            suppress_sequences=self.suppress_sequences,
            target_prefix=self.target_prefix,
            sampling_topk=self.sampling_topk,
            sampling_topp=self.sampling_topp,
            sampling_temperature=self.sampling_temperature,
            seed=None if self.seed is None else _wrap_int64(self.seed + index),
            return_scores=self.return_scores,
            return_token_scores=self.return_token_scores,
        )

    @property
    def glossary_config(self) -> pb.GlossaryConfig | None:
        """What terms are to become, as it goes on the wire; None where nothing is said of it."""
        entries = cast("Entries", self.glossary_entries or ())
        if not (self.glossary or entries):
            return None
        return pb.GlossaryConfig(
            glossary=self.glossary,
            entries=[pb.GlossaryEntry(source_term=s, target_term=t) for s, t in entries],
            ignore_case=self.glossary_ignore_case,
            mode=_GLOSSARY_MODE[self.glossary_mode],
        )

    def deciding(self) -> dict[str, object]:
        """Returns the options that translations depend on, which is most of them."""
        options = dataclasses.asdict(self)
        for name in ("priority", "skip_cache"):
            del options[name]
        return options

    @property
    def priority_number(self) -> "pb.Priority.ValueType":
        """The priority as it goes on the wire."""
        return _PRIORITY[self.priority]

    @property
    def segmentation_number(self) -> "pb.Segmentation.ValueType":
        """The segmentation as it goes on the wire."""
        return _SEGMENTATION[self.segmentation]

    @property
    def guard_number(self) -> "pb.Guard.ValueType":
        """The guard as it goes on the wire."""
        return _GUARD[self.guard]

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)

    def _check_strings(self) -> None:
        size = 0
        for field, text in self._strings():
            size += utf8_size(text, field) + FRAME_BYTES
            if size > MAX_OPTIONS_BYTES:
                raise refusal(
                    field,
                    f"makes the options longer than {MAX_OPTIONS_BYTES:,} bytes, the most that can "
                    "be sent",
                    "TEXT_TOO_LONG",
                )

    def _strings(self) -> Iterator[tuple[str, str]]:
        """Yields each string among the options, after its name."""
        for name in _CODES:
            if (value := getattr(self, name)) is not None:
                yield name, value
        if self.mime_type is not None:
            yield "mime_type", self.mime_type
        if self.target_prefix is not None:
            yield "options.target_prefix", self.target_prefix
        for index, text in enumerate(self.suppress_sequences or ()):
            yield f"options.suppress_sequences[{index}]", text
        for index, text in enumerate(self.dnt_phrases or ()):
            yield f"dnt_phrases[{index}]", text
        if self.glossary is not None:
            yield "glossary", self.glossary
        for index, pair in enumerate(cast("Entries", self.glossary_entries or ())):
            for term in pair:
                yield f"glossary_entries[{index}]", term


def _check_early_stopping(value: object) -> None:
    if value is None or isinstance(value, bool) or (isinstance(value, str) and value == "never"):
        return
    raise refusal(
        "options.early_stopping",
        f'must be False, True or "never", not {reprlib.repr(value)}',
        "OUT_OF_RANGE",
    )


def _check_choice(name: str, value: object, choices: Mapping[str | None, object]) -> None:
    if value is None or (isinstance(value, str) and value in choices):
        return
    *others, last = (f'"{choice}"' for choice in choices if choice is not None)
    allowed = f"{', '.join(others)} or {last}"
    raise refusal(name, f"must be {allowed}, not {reprlib.repr(value)}", "OUT_OF_RANGE")


def _as_texts(texts: object, field: str) -> tuple[str, ...]:
    """Returns them so that the caller cannot change them meanwhile."""
    if not is_sequence(texts):
        raise wrong_type(field, "a sequence of str", texts)
    return tuple(cast("Sequence[str]", texts))  # its items are checked with all other strings


def _wrap_int64(number: int) -> int:
    """Returns the number as 64 bits hold it, its sign counted."""
    return (number + (1 << 63)) % (1 << 64) - (1 << 63)
