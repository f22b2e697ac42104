"""What the client hands back.

Knows none of the wire's messages, which reading.py does, nor calls or requests.
"""

import enum
from collections.abc import Sequence
from dataclasses import dataclass

from dragoman.errors import DragomanError


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
class Segment:
    """A sentence of a text that was split, and its translation. Positions are code points."""

    source_begin: int
    """Where it begins in the text."""

    source_end: int
    """Where it ends: text[source_begin:source_end] is the sentence."""

    target_begin: int
    """Where its translation begins in `translated_text`."""

    target_end: int
    """Where that ends, likewise."""

    finish_reason: FinishReason
    """As in Translation, as all below."""

    score: float | None

    source_token_count: int

    target_token_count: int

    detected_language_code: str = ""
    """Of the language that it was found to be in; empty without `mixed_languages`."""

    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class WordConfidence:
    """How sure a word of a translation is. It is cut as in AlignmentLink."""

    begin: int
    """Where it begins in `translated_text`, in code points."""

    end: int
    """The place after its end."""

    confidence: float
    """The probability, 0 to 1, that a translation made by people has it too, wherever."""


@dataclass(frozen=True, slots=True)
class Warning:  # noqa: A001  the wire's word
    """What to know of a translation, though there is one."""

    reason: str
    """What it is, in upper case: SENTENCE_SPLIT where a sentence had more tokens than the model
    takes and was translated in parts; PLACEHOLDER_MOVED and TERM_MOVED where a placeholder or a
    term was put in by its place; TERM_MISSING where a soft term has no form;
    LANGUAGE_NOT_TRANSLATED where parts in other languages stay as they are. Each occurs once, of
    each model that translated."""

    message: str
    """The same in words."""


@dataclass(frozen=True, slots=True)
class AlignmentLink:
    """A word of a text and one of its translation that stand for each other.

    A word is what stands between spaces, each mark of punctuation by itself; in Chinese and
    Japanese it is a character. Places are those of `str`.
    """

    source_begin: int
    """Where the word begins in the text."""

    source_end: int
    """The place after its end."""

    target_begin: int
    """Where the other begins in `translated_text`."""

    target_end: int
    """The place after its end."""

    weight: float
    """Share of the target word's attention that the source word has, 0.05 to 1."""

    is_hard: bool
    """Whether it is a link where links are to be or not: the heaviest of its target word, or one
    that has 0.4 or more."""


@dataclass(frozen=True, slots=True)
class AttentionWeights:
    """Weights of all heads of all layers; those of a query sum up to one."""

    shape: tuple[int, int, int, int]
    """Layers, heads, tokens that attend (queries), tokens that are attended to (keys)."""

    values: Sequence[float]
    """An array of floats: layer by layer, head by head, query by query, one for each key."""

    def head(self, layer: int, head: int) -> list[Sequence[float]]:
        """The rows of one head, counted from 0: for each query the weights of all keys.

        Raises:
            IndexError: There is no such head.
        """
        layers, heads, queries, keys = self.shape
        if not (0 <= layer < layers and 0 <= head < heads):
            raise IndexError(f"no head {head} in layer {layer}: {layers} layers of {heads} heads")
        first = (layer * heads + head) * queries
        return [self.values[row * keys : (row + 1) * keys] for row in range(first, first + queries)]


@dataclass(frozen=True, slots=True)
class Attention:
    """Who attended to whom as a text was translated."""

    source_tokens: tuple[str, ...]
    """As the model was given them, with what tells languages and the end, such as "</s>"."""

    target_tokens: tuple[str, ...]
    """With what the model was told to begin with, and the end token where it said it."""

    encoder: AttentionWeights
    """Of the encoder to itself: queries and keys are source_tokens."""

    decoder: AttentionWeights
    """Of the decoder to what it has said: query i is the step that says target_tokens[i], as it
    reads the start token and the target_tokens before. Key 0 is the start token, and key j, from 1
    on, target_tokens[j - 1]: there are as many keys as queries, and those above a query's own
    number have weight 0. Of shape (0, 0, 0, 0) where the decoder is recurrent."""

    cross: AttentionWeights
    """Of the decoder to the source: query i is the step that says target_tokens[i], keys are
    source_tokens."""


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
    """Name of the model that translated; of both, with a comma between, where it was through a
    pivot language."""

    token_scores: tuple[float, ...] = ()
    """Natural-log probability that the model gives each target token, the end token too where the
    translation is complete; 0 for what was forced. Empty unless asked for."""

    hypotheses: tuple[Hypothesis, ...] = ()
    """This translation and the next best ones, best first. Empty unless several were asked for."""

    model_version: str = ""
    """Version of that model, as in Model.version; of both likewise."""

    segments: tuple[Segment, ...] = ()
    """The sentences that the text was split into, in order. Between them is what the text has
    there, white space for the most part. Empty where it was translated whole."""

    warnings: tuple[Warning, ...] = ()
    """What to know of it; mostly empty."""

    alignment: tuple[AlignmentLink, ...] = ()
    """Which words of the text and of the translation stand for each other, in the order of the
    translation's words, the heaviest link of each first. Empty unless asked for."""

    attention: Attention | None = None
    """Who attended to whom; None unless asked for, and for an empty text."""

    detected_language_code: str = ""
    """BCP-47 code of the language that the text was found to be in, `und` where it has no letters.
    Empty where nobody had to find out."""

    detected_language_confidence: float = 0.0
    """How sure that is, among the languages that could be translated: 0 to 1."""

    target_language_code: str = ""
    """Which of several languages asked for it is in. Empty where one was."""

    confidence: float | None = None
    """The chrF, 0 to 1, that it can be expected to have beside a translation made by people. None
    unless asked for, and where the model chose nothing of it."""

    words: tuple[WordConfidence, ...] = ()
    """How sure each word is, in order, but for those that the model has not chosen. Empty unless
    asked for, and for HTML."""


@dataclass(frozen=True, slots=True)
class DetectedLanguage:
    """A language that a text may be in."""

    language_code: str
    """BCP-47."""

    confidence: float
    """How likely it is: those of all languages together are 1."""


@dataclass(frozen=True, slots=True)
class LanguageSpan:
    """A stretch of a text that is in one language. Positions are code points."""

    begin: int
    """Where it begins in the text."""

    end: int
    """Where it ends: text[begin:end] is the stretch."""

    language_code: str
    """BCP-47; `und` where none is sure enough."""

    confidence: float
    """How likely that is; of the likeliest where none is sure enough."""


@dataclass(frozen=True, slots=True)
class DetectedLanguages:
    """What a text may be in."""

    language_code: str
    """BCP-47 code of the text's language; `und` where none is sure enough."""

    languages: tuple[DetectedLanguage, ...]
    """The likeliest, best first; none for a text without letters that any is known by."""

    spans: tuple[LanguageSpan, ...] = ()
    """Its stretches in one language each, in order. Between them is what has no letters. Empty
    unless asked for."""


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
    """What it runs on: "cpu" or "cuda"."""

    limits: Limits
    """What a request may ask of it."""

    version: str = ""
    """Which of several versions it is; NAME@VERSION as the option `model` asks for it alone."""

    is_default: bool = True
    """Whether this version answers to the name alone."""

    runtime: str = ""
    """Library that runs it: "onnxruntime" or "torch"; empty where an older server does not say."""

    shortlist: bool = False
    """Whether each sentence chooses among the tokens of a list of its own, which scores are over
    then."""

    def answers_to(self, model: str) -> bool:
        """Whether it is one that the option `model` means; an empty one means every default."""
        if model in ("", self.name):
            return self.is_default
        return model == f"{self.name}@{self.version}"
