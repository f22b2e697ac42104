"""What an importer makes of a checkpoint: everything that a bundle says, and the model itself."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from torch import Tensor

from dragoman_export.checkpoints import CheckpointTokenizer
from dragoman_export.network import Transformer, TransformerConfig


class Source(NamedTuple):
    """How a model is told that a text is of a language."""

    name: str = ""
    """The language as the model spells it; empty where it is not told."""

    token: str = ""
    """What of its vocabulary names it; likewise."""

    prefix_ids: tuple[int, ...] = ()
    """Before the text, after what tells the target."""

    suffix_ids: tuple[int, ...] = ()
    """After the text and its end token."""


class Target(NamedTuple):
    """How a model is told to translate into a language."""

    name: str = ""
    token: str = ""
    """As of Source."""

    source_prefix_ids: tuple[int, ...] = ()
    """Before the text."""

    target_prefix_ids: tuple[int, ...] = ()
    """What the translation begins with; no part of its text."""

    start_id: int | None = None
    """What the decoder starts with in place of the model's start token; a bundle has one."""


class Prompt(NamedTuple):
    """All that a model is given of a text."""

    source_ids: Sequence[int]

    target_ids: Sequence[int] = ()
    """What the translation begins with, after the start token."""


UNTOLD_SOURCE, UNTOLD_TARGET = Source(), Target()
"""Of models that are told no language."""


class Blueprint:
    """A Transformer that is filled from a checkpoint's weights when somebody needs it.

    They are large: two of them at a time, or one and transformers' own, may not fit.
    """

    def __init__(
        self, config: TransformerConfig, parameters: int, fill: Callable[[], Transformer]
    ) -> None:
        """Nothing is filled yet.

        Args:
            config: Of the model.
            parameters: Numbers that it has.
            fill: Makes it; nothing that it finds is a problem any more.
        """
        self.config = config
        self.parameters = parameters
        self._fill = fill
        self._filled: Transformer | None = None

    @classmethod
    def of(cls, transformer: Transformer) -> "Blueprint":
        """One that is filled already."""
        parameters = sum(each.numel() for each in transformer.parameters())
        return cls(transformer.config, parameters, lambda: transformer)

    def transformer(self) -> Transformer:
        """The model, the same one until it is released."""
        if self._filled is None:
            self._filled = self._fill()
        return self._filled

    def take(self) -> Transformer:
        """The model, for the caller to change: the next who asks has another."""
        transformer = self.transformer()
        self._filled = None
        return transformer


class Modules(Protocol):
    """A model as its own toolkit computes it."""

    def encode(self, sources: Tensor, is_padding: Tensor) -> Tensor:
        """What the encoder says of sources.

        Args:
            sources: Token ids, (rows, source).
            is_padding: Where there are none, likewise.
        """
        ...

    def next_logits(self, memory: Tensor, is_padding: Tensor, targets: Tensor) -> Tensor:
        """Logits of what follows targets, (rows, vocab).

        Args:
            memory: What the encoder said.
            is_padding: As it was told.
            targets: Token ids, (rows, target), that of the start among them.
        """
        ...


class OwnModules(NamedTuple):
    """A model's own modules, which no library of checkpoints has."""

    title: str
    """Whose they are, as people call it."""

    build: Callable[[], Modules]
    """Makes them of the checkpoint's weights, without what the importer makes of these."""


class OwnLibrary(NamedTuple):
    """What transformers is told to run a checkpoint as it is."""

    pad_id: int
    """Fills up the shorter sentences of a batch."""

    settings: Mapping[str, Any] = MappingProxyType({})
    """What takes the place of the checkpoint's own, to go by the weights that are there."""

    title: str = "transformers"
    """As of OwnModules."""


@dataclass(frozen=True, kw_only=True)
class ImportedModel:
    """A checkpoint mapped onto the canonical Transformer."""

    family: str
    """Checkpoint family, as in the manifest: "marian"."""

    blueprint: Blueprint

    tokenizer: CheckpointTokenizer

    decoder_start_id: int
    """First token that the decoder is given."""

    end_id: int
    """Ends a source and a target."""

    unknown_id: int
    """Stands for a piece that the vocabulary lacks."""

    suppressed_ids: tuple[int, ...] = ()
    """Never generated; the output bias sees to it."""

    suppressed_sequences: tuple[tuple[int, ...], ...] = ()
    """Never generated one after the other, each of two tokens or more."""

    max_decoding_length: int
    """Default limit of a translation in tokens; the end token and what the model is told in the
    target are not counted."""

    weights_sha256: str
    """Of the file or files that hold the weights, in lower-case hexadecimal."""

    own_library: OwnLibrary | OwnModules | None = None
    """What the bundle is held against: transformers where it has the checkpoint's own
    implementation, or its own modules; else it is the modules that its graphs are traced from."""

    sources: Sequence[Source] = ()
    """The languages that the model is told of; none where it is told nothing."""

    targets: Sequence[Target] = ()
    """Likewise."""

    any_source: Source = UNTOLD_SOURCE
    """What a text gets whose language the model is not told."""

    any_target: Target = UNTOLD_TARGET
    """Likewise."""

    source_language: str | None = None
    """As the checkpoint says; None where it says nothing."""

    target_language: str | None = None
    """Likewise."""

    default_target: str | None = None
    """Name of the target that it is made for, of several that it could be told."""

    @property
    def config(self) -> TransformerConfig:
        """Of the model."""
        return self.blueprint.config

    @property
    def transformer(self) -> Transformer:
        """The model itself, filled where it is not."""
        return self.blueprint.transformer()

    def prompt(self, text: str, source: Source, target: Target) -> Prompt:
        """All that it is given of a text."""
        source_ids = [
            *target.source_prefix_ids,
            *source.prefix_ids,
            *self.tokenizer.encode(text),
            *source.suffix_ids,
        ]
        return Prompt(source_ids, target.target_prefix_ids)

    def with_transformer(self, transformer: Transformer) -> "ImportedModel":
        """The same with another model."""
        return replace(self, blueprint=Blueprint.of(transformer))
