"""How texts are to be translated, and how that is put on the wire.

What is allowed for an option is the server's to say: only what protobuf cannot carry is refused
here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from dragoman.texts import check_text
from dragoman.v1 import translation_pb2 as pb

EarlyStopping = bool | Literal["never"]
"""As transformers' `generate` has it."""

_EARLY_STOPPING = {
    False: pb.EARLY_STOPPING_FALSE,
    True: pb.EARLY_STOPPING_TRUE,
    "never": pb.EARLY_STOPPING_NEVER,
}


@dataclass(frozen=True, slots=True)
class Options:
    """How texts are translated. None takes the model's default."""

    source_language_code: str = ""
    """BCP-47; may be empty where the model has one source language."""

    target_language_code: str = ""
    """BCP-47; may be empty where the model has one target language."""

    model: str = ""
    """May be empty where the server has one model."""

    beam_size: int | None = None
    """Hypotheses kept at each step; 1 is greedy search."""

    max_decoding_length: int | None = None
    """Most target tokens of a translation."""

    min_decoding_length: int | None = None
    """Fewest target tokens of a translation."""

    length_penalty: float | None = None
    """Exponent of the length that beam search divides a hypothesis' log-probability by."""

    max_length_factor: float | None = None
    """Most target tokens of a translation for each source token."""

    num_hypotheses: int | None = None
    """Translations of each text that are wanted."""

    early_stopping: EarlyStopping | None = None
    """When beam search ends, once beam_size hypotheses are finished."""

    repetition_penalty: float | None = None
    """How much less likely a token is once it was said."""

    no_repeat_ngram_size: int | None = None
    """No so many tokens in a row are said twice."""

    suppress_sequences: Sequence[str] = ()
    """Texts that a translation must not have."""

    target_prefix: str = ""
    """What a translation begins with."""

    sampling_topk: int | None = None
    """Tokens that each token is drawn from."""

    sampling_topp: float | None = None
    """Probability that those, of them, have that each token is drawn from."""

    sampling_temperature: float | None = None
    """What logits are divided by before."""

    seed: int | None = None
    """Where drawing begins."""

    return_scores: bool | None = None
    """Whether `Translation.score` is computed."""

    return_token_scores: bool = False
    """Whether `Translation.token_scores` is computed."""

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
