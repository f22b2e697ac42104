"""What the client hands back, and how it is read off the wire.

Knows the response messages. Does not know calls or requests.
"""

import enum
from dataclasses import dataclass

from dragoman.errors import DragomanError, ServerError
from dragoman.v1 import translation_pb2 as pb


class FinishReason(enum.Enum):
    """Why a translation ended."""

    STOP = "stop"
    """The translation is complete."""

    LENGTH = "length"
    """The translation reached `max_decoding_length`: its end is missing."""


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """One of several translations of a text."""

    translated_text: str
    """The text in the target language."""

    finish_reason: FinishReason
    """Whether it is complete."""

    score: float | None
    """As in Translation; None without scores."""

    target_token_count: int
    """Target tokens, the end token not counted."""

    token_scores: tuple[float, ...] = ()
    """As in Translation."""


@dataclass(frozen=True, slots=True)
class Warning:  # noqa: A001  as the wire has it
    """Something about a translation that its reader should know."""

    reason: str
    """UPPER_SNAKE name of what it is, for programs."""

    message: str
    """One sentence for people."""


@dataclass(frozen=True, slots=True)
class Translation:
    """A translated text."""

    translated_text: str
    """The text in the target language."""

    finish_reason: FinishReason
    """Whether the translation is complete."""

    score: float | None
    """Mean natural-log probability of the tokens; None for an empty text or without scores."""

    source_token_count: int
    """Source tokens, special tokens counted; 0 for an empty text."""

    target_token_count: int
    """Target tokens, the end token not counted."""

    model: str
    """Name of the model that translated."""

    token_scores: tuple[float, ...] = ()
    """Natural-log probability that the model gives each target token, the end token too where the
    translation is complete; 0 for what was forced. Empty unless asked for."""

    hypotheses: tuple[Hypothesis, ...] = ()
    """This translation and the next best ones, best first. Empty unless several were asked for."""

    model_version: str = ""
    """Version of that model, as in Model.version."""

    warnings: tuple[Warning, ...] = ()
    """What did not go as asked for, or may be wrong."""


@dataclass(frozen=True, slots=True)
class StreamResult:
    """What became of one text of a stream: a translation or an error, like a finished Future."""

    index: int
    """Position of the text in the input, from 0."""

    text: str
    """The text as it was given."""

    outcome: Translation | DragomanError
    """Either of them, to be matched on; `translation` and `error` are shorter to write."""

    @property
    def translation(self) -> Translation:
        """The translation.

        Raises:
            DragomanError: This text failed; other texts are not touched by it.
        """
        if isinstance(self.outcome, DragomanError):
            raise self.outcome
        return self.outcome

    @property
    def error(self) -> DragomanError | None:
        """Why there is no translation; None where there is one."""
        return self.outcome if isinstance(self.outcome, DragomanError) else None


@dataclass(frozen=True, slots=True)
class Limits:
    """What a request may ask of a model."""

    max_contents: int
    """Texts in a request. `Client.translate` cuts longer lists by itself."""

    max_code_points: int
    """Code points in all texts of a request together."""

    max_input_length: int
    """Source tokens of a text, special tokens counted."""

    max_decoding_length: int
    """Largest value of the option of that name, in tokens."""

    max_beam_size: int
    """Largest value of the option `beam_size`."""

    max_stream_texts: int
    """Unanswered texts of a stream; the server reads no further until one is answered."""


@dataclass(frozen=True, slots=True)
class Model:
    """A model that the server has loaded."""

    name: str
    """What to give as the option `model`."""

    architecture: str
    """Family of the checkpoint, for example "marian"."""

    source_language_codes: tuple[str, ...]
    """BCP-47 codes of the languages that it translates from, each into every target."""

    target_language_codes: tuple[str, ...]
    """BCP-47 codes of the languages that it translates into."""

    precision: str
    """Of its weights: "float32" or "int8"."""

    provider: str
    """What runs it: "cpu" or "cuda"."""

    limits: Limits
    """What a request may ask of it."""

    version: str = ""
    """Which of several versions it is; NAME@VERSION as the option `model` asks for it alone."""

    is_default: bool = True
    """Whether this version answers to the name alone."""

    def answers_to(self, model: str) -> bool:
        """Whether it is one that the option `model` means; an empty one means every default."""
        if model in ("", self.name):
            return self.is_default
        return model == f"{self.name}@{self.version}"


_FINISH_REASONS = {
    pb.FINISH_REASON_STOP: FinishReason.STOP,
    pb.FINISH_REASON_LENGTH: FinishReason.LENGTH,
}


def read_translation(message: pb.Translation) -> Translation:
    """Converts one translation.

    Raises:
        ServerError: The finish reason is one that this version of the client does not know.
    """
    return Translation(
        translated_text=message.translated_text,
        finish_reason=_finish_reason(message),
        score=message.score if message.HasField("score") else None,
        source_token_count=message.source_token_count,
        target_token_count=message.target_token_count,
        model=message.model,
        token_scores=tuple(message.token_scores),
        hypotheses=tuple(map(_read_hypothesis, message.hypotheses)),
        model_version=message.model_version,
        warnings=tuple(Warning(each.reason, each.message) for each in message.warnings),
    )


def read_translations(message: pb.TranslateTextResponse | None, expected: int) -> list[Translation]:
    """Converts the answer to `expected` texts.

    Args:
        message: None where gRPC told of success and had no message, as it sometimes does when a
            deadline passes at that moment.
        expected: Number of texts.

    Raises:
        ServerError: It is missing, or holds fewer or more translations.
    """
    if message is None:
        raise ServerError("the call ended without an error, but also without an answer")
    if len(message.translations) != expected:
        raise ServerError(f"{len(message.translations)} translations came for {expected} texts")
    return [read_translation(translation) for translation in message.translations]


def read_models(message: pb.ListModelsResponse) -> list[Model]:
    """Converts the list of models, sorted by name and version."""
    models = map(_read_model, message.models)
    return sorted(models, key=lambda model: (model.name, model.version))


def _read_hypothesis(message: pb.Hypothesis) -> Hypothesis:
    return Hypothesis(
        translated_text=message.translated_text,
        finish_reason=_finish_reason(message),
        score=message.score if message.HasField("score") else None,
        target_token_count=message.target_token_count,
        token_scores=tuple(message.token_scores),
    )


def _finish_reason(message: pb.Translation | pb.Hypothesis) -> FinishReason:
    if message.finish_reason not in _FINISH_REASONS:
        raise ServerError(
            f"finish_reason {message.finish_reason} is unknown to this client: it is older than "
            "the server and must be updated"
        )
    return _FINISH_REASONS[message.finish_reason]


def _read_model(message: pb.Model) -> Model:
    limits = message.limits
    return Model(
        name=message.name,
        architecture=message.architecture,
        source_language_codes=tuple(message.source_language_codes),
        target_language_codes=tuple(message.target_language_codes),
        precision=message.precision,
        provider=message.provider,
        limits=Limits(
            max_contents=limits.max_contents,
            max_code_points=limits.max_code_points,
            max_input_length=limits.max_input_length,
            max_decoding_length=limits.max_decoding_length,
            max_beam_size=limits.max_beam_size,
            max_stream_texts=limits.max_stream_texts,
        ),
        version=message.version,
        is_default=message.is_default or not message.version,  # older servers have one of each
    )
