"""Reads a request's decoding options: defaults, ranges, what goes together, texts into tokens.

Knows the wire's DecodingOptions and the engine's TranslationOptions. Does not know how anything is
decoded.
"""

import math
from dataclasses import replace
from typing import NamedTuple, Protocol, TypeVar

from google.protobuf.message import Message

from dragoman.v1.bundle_pb2 import Manifest
from dragoman.v1.translation_pb2 import (
    EARLY_STOPPING_FALSE,
    EARLY_STOPPING_NEVER,
    EARLY_STOPPING_TRUE,
    EARLY_STOPPING_UNSPECIFIED,
    DecodingOptions,
    Limits,
)
from dragoman_server.errors import InvalidArgumentError
from dragoman_server.search import MAX_SAMPLING_TOPK
from dragoman_server.sequence import EarlyStopping, TranslationOptions
from dragoman_server.service.validation import (
    check_characters,
    check_code_points,
    check_range,
    check_range_above,
    wrong_option,
)

LENGTH_PENALTY_BOUND = 10
"""A length to a higher power leaves the range of float32."""

MAX_REPETITION_PENALTY = 10
MAX_LENGTH_FACTOR = 100
MAX_SUPPRESS_SEQUENCES = 256
LOWEST_TEMPERATURE, HIGHEST_TEMPERATURE = 0.01, 100

SEEDS = 1 << 64
"""Number of seeds; a negative one is counted from the end."""

PIECE_SEEDS = 0x9E3779B97F4A7C15
"""From the seed of one piece of a text to that of the next: far from those of other texts."""

_EARLY_STOPPING = {
    EARLY_STOPPING_UNSPECIFIED: EarlyStopping.FALSE,
    EARLY_STOPPING_FALSE: EarlyStopping.FALSE,
    EARLY_STOPPING_TRUE: EarlyStopping.TRUE,
    EARLY_STOPPING_NEVER: EarlyStopping.NEVER,
}

_Value = TypeVar("_Value")


class TargetCodec(Protocol):
    """What is needed of a Tokenizer."""

    def encode_target(self, text: str) -> list[int]:
        """Returns the target tokens of a text, without an end token."""


class RequestOptions(NamedTuple):
    """How the texts of a request are decoded."""

    common: TranslationOptions
    """For a model that is told the target language in the target, with that token."""
    max_length_factor: float | None
    """Target tokens per source token; None for no such limit."""

    def of_text(self, index: int, *, source_length: int, piece: int = 0) -> TranslationOptions:
        """Returns the options of the text at `index`, of `source_length` tokens.

        Where it is translated in pieces they are those of one of them: the first alone begins with
        the target_prefix that was asked for.
        """
        options = self.common
        if piece and len(options.target_prefix) > options.forced_length:
            options = replace(options, target_prefix=options.target_prefix[: options.forced_length])
        if self.max_length_factor is not None:
            # Less a rounding error: 1.1 times 10 tokens are 11.
            factored = math.ceil(self.max_length_factor * source_length - 1e-9)
            factored += options.forced_length
            least = max(1, options.min_decoding_length, len(options.target_prefix))
            longest = min(max(factored, least), options.max_decoding_length)
            options = replace(options, max_decoding_length=longest)
        if options.seed is not None:
            seed = (options.seed + index + piece * PIECE_SEEDS) % SEEDS
            options = replace(options, seed=seed)
        return options


class OptionsReader:
    """Reads the options for one model.

    Args:
        manifest: The model's.
        limits: What a request may ask for.
        tokenizer: Cuts texts into target tokens.
    """

    def __init__(self, manifest: Manifest, limits: Limits, tokenizer: TargetCodec) -> None:
        self._limits = limits
        self._tokenizer = tokenizer
        self._unknown_id = manifest.special_tokens.unknown_id
        self._never_said = tuple(
            tuple(sequence.ids) for sequence in manifest.special_tokens.suppressed_sequences
        )
        self._default_length = min(
            manifest.decoding_defaults.max_decoding_length or limits.max_decoding_length,
            limits.max_decoding_length,
        )

    def read(self, message: DecodingOptions, forced: tuple[int, ...] = ()) -> RequestOptions:
        """Returns the options, with the model's defaults where they are absent.

        Args:
            message: The options as they were asked for.
            forced: Tokens that every translation begins with, which no option counts.

        Raises:
            InvalidArgumentError: One is out of range, or two do not go together.
        """
        options = TranslationOptions(
            max_decoding_length=_given(message, "max_decoding_length", self._default_length),
            min_decoding_length=message.min_decoding_length,
            beam_size=_given(message, "beam_size", 1),
            return_scores=_given(message, "return_scores", True),
            length_penalty=_given(message, "length_penalty", 1.0),
            early_stopping=_early_stopping(message),
            num_hypotheses=_given(message, "num_hypotheses", 1),
            repetition_penalty=_given(message, "repetition_penalty", 1.0),
            no_repeat_ngram_size=message.no_repeat_ngram_size,
            suppress_sequences=self._suppress_sequences(message),
            target_prefix=self._tokens(message.target_prefix, "target_prefix"),
            sampling_topk=_given(message, "sampling_topk", 1),
            sampling_topp=_given(message, "sampling_topp", 1.0),
            sampling_temperature=_given(message, "sampling_temperature", 1.0),
            seed=message.seed % SEEDS if message.HasField("seed") else None,
            return_token_scores=message.return_token_scores,
        )
        self._check_search(options)
        _check_sampling(options)
        if forced:
            options = _with_forced(options, forced)
        factor = None
        if message.HasField("max_length_factor"):
            factor = message.max_length_factor
            check_range_above("max_length_factor", factor, 0, MAX_LENGTH_FACTOR)
        return RequestOptions(options, factor)

    def _suppress_sequences(self, message: DecodingOptions) -> tuple[tuple[int, ...], ...]:
        texts = message.suppress_sequences
        if len(texts) > MAX_SUPPRESS_SEQUENCES:
            given, allowed = f"{len(texts)} texts", f"at most {MAX_SUPPRESS_SEQUENCES}"
            raise wrong_option("suppress_sequences", given, allowed)
        check_code_points(texts, "options.suppress_sequences", self._limits)
        sequences = []
        for index, text in enumerate(texts):
            name = f"suppress_sequences[{index}]"
            sequences.append(self._tokens(text, name))
            if not sequences[-1]:
                raise wrong_option(name, "a text of no tokens", "at least one token")
        return (*self._never_said, *sequences)

    def _tokens(self, text: str, name: str) -> tuple[int, ...]:
        """Returns the target tokens of an option's text."""
        check_code_points([text], f"options.{name}", self._limits)
        check_characters(text, f"options.{name}")
        token_ids = tuple(self._tokenizer.encode_target(text))
        if self._unknown_id in token_ids:
            raise wrong_option(
                name,
                "a text that the model cannot say",
                "characters of the model's vocabulary",
                reason="UNKNOWN_CHARACTERS",
            )
        return token_ids

    def _check_search(self, options: TranslationOptions) -> None:
        """Checks beams, lengths and penalties."""
        longest, highest = options.max_decoding_length, self._limits.max_decoding_length
        penalty = options.length_penalty
        check_range("beam_size", options.beam_size, 1, self._limits.max_beam_size)
        check_range("num_hypotheses", options.num_hypotheses, 1, options.beam_size)
        check_range("length_penalty", penalty, -LENGTH_PENALTY_BOUND, LENGTH_PENALTY_BOUND)
        check_range("max_decoding_length", longest, 1, highest)
        check_range("min_decoding_length", options.min_decoding_length, 0, longest)
        check_range("repetition_penalty", options.repetition_penalty, 1, MAX_REPETITION_PENALTY)
        check_range("no_repeat_ngram_size", options.no_repeat_ngram_size, 0, highest)
        if len(options.target_prefix) > longest:
            given = f"{len(options.target_prefix)} tokens long"
            raise wrong_option("target_prefix", given, f"at most max_decoding_length, {longest}")


def _with_forced(options: TranslationOptions, forced: tuple[int, ...]) -> TranslationOptions:
    count = len(forced)
    minimum = options.min_decoding_length
    return replace(
        options,
        max_decoding_length=options.max_decoding_length + count,
        min_decoding_length=minimum + count if minimum else 0,
        target_prefix=(*forced, *options.target_prefix),
        forced_length=count,
    )


def _check_sampling(options: TranslationOptions) -> None:
    topp, temperature = options.sampling_topp, options.sampling_temperature
    check_range("sampling_topk", options.sampling_topk, 1, MAX_SAMPLING_TOPK)
    check_range_above("sampling_topp", topp, 0, 1)
    check_range("sampling_temperature", temperature, LOWEST_TEMPERATURE, HIGHEST_TEMPERATURE)
    if options.sampling_topk == 1:
        for name, value in (("sampling_topp", topp), ("sampling_temperature", temperature)):
            if value != 1:
                raise _conflict(name, f"{value:g}", "1 where sampling_topk is 1")
    elif options.beam_size > 1:
        given = f"{options.sampling_topk} and beam_size {options.beam_size}"
        raise _conflict("sampling_topk", given, "1 where beam_size is above 1")


def _early_stopping(message: DecodingOptions) -> EarlyStopping:
    if message.early_stopping not in _EARLY_STOPPING:
        given, allowed = str(message.early_stopping), f"0 to {max(_EARLY_STOPPING)}"
        raise wrong_option("early_stopping", given, allowed)
    return _EARLY_STOPPING[message.early_stopping]


def _given(message: Message, name: str, default: _Value) -> _Value:
    """Returns the value of an optional field, or the default where it is absent."""
    value: _Value = getattr(message, name) if message.HasField(name) else default
    return value


def _conflict(name: str, given: str, allowed: str) -> InvalidArgumentError:
    return wrong_option(name, given, allowed, reason="OPTIONS_CONFLICT")
