"""How texts are to be translated, and how that is put on the wire.

What is allowed for an option is the server's to say: only what protobuf cannot carry is refused
here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypedDict

from dragoman.texts import check_text
from dragoman.v1 import translation_pb2 as pb

EarlyStopping = bool | Literal["never"]
"""As transformers' `generate` has it."""

_EARLY_STOPPING = {
    False: pb.EARLY_STOPPING_FALSE,
    True: pb.EARLY_STOPPING_TRUE,
    "never": pb.EARLY_STOPPING_NEVER,
}


class TranslateOptions(TypedDict, total=False):
    """Keyword arguments that say how texts are translated.

    What is not given, or given as None, is the model's default.
    """

    source_language_code: str
    """BCP-47; may be empty where only one language pair then fits."""

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


@dataclass(frozen=True, slots=True)
class Options:
    """TranslateOptions, complete."""

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

    def message(self, index: int) -> pb.DecodingOptions:
        """Returns the decoding options as they go on the wire.

        Args:
            index: Of the request's first text in the whole list. The server adds to the seed the
                index in the request: so a text draws the same however the list is cut.

        Raises:
            TypeError, ValueError: An option's value is none that it can have.
            InvalidArgumentError: A text among them cannot be written in UTF-8.
        """
        return pb.DecodingOptions(
            beam_size=self.beam_size,
            max_decoding_length=self.max_decoding_length,
            min_decoding_length=self.min_decoding_length,
            length_penalty=self.length_penalty,
            max_length_factor=self.max_length_factor,
            num_hypotheses=self.num_hypotheses,
            early_stopping=_early_stopping(self.early_stopping),
            repetition_penalty=self.repetition_penalty,
            no_repeat_ngram_size=self.no_repeat_ngram_size,
            suppress_sequences=_suppress_sequences(self.suppress_sequences),
            target_prefix=_option_text(self.target_prefix, "target_prefix"),
            sampling_topk=self.sampling_topk,
            sampling_topp=self.sampling_topp,
            sampling_temperature=self.sampling_temperature,
            seed=None if self.seed is None else _as_int64(self.seed + index),
            return_scores=self.return_scores,
            return_token_scores=self.return_token_scores,
        )


def _early_stopping(value: EarlyStopping | None) -> pb.EarlyStopping.ValueType | None:
    if value is None:
        return None
    if value not in _EARLY_STOPPING:
        raise ValueError(f'early_stopping must be False, True or "never", not {value!r}')
    return _EARLY_STOPPING[value]


def _suppress_sequences(texts: Sequence[str]) -> list[str]:
    if isinstance(texts, str):
        raise TypeError("suppress_sequences takes a sequence of str, not a str")
    return [_option_text(text, f"suppress_sequences[{index}]") for index, text in enumerate(texts)]


def _option_text(text: str, name: str) -> str:
    check_text(text, f"options.{name}")
    return text


def _as_int64(number: int) -> int:
    """Returns the number as 64 bits hold it, its sign counted."""
    return (number + (1 << 63)) % (1 << 64) - (1 << 63)
