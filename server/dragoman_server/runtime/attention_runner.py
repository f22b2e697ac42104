"""Runs a bundle's graph of attention weights over finished translations.

Knows its inputs and outputs. Does not know queues, rows or text.
"""

import threading
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from dragoman.v1.bundle_pb2 import Manifest
from dragoman_server.errors import BackendError, BundleError, ConfigError, InvalidArgumentError
from dragoman_server.models import Bundle
from dragoman_server.runtime.packing import pack
from dragoman_server.sequence import Attention, Finished, FinishReason, TranslationOptions

MOST_TOKENS = 1024
"""Of a source or a target whose alignment is told: memory grows with the square of them."""

ALIGNMENT_TOO_LARGE = "ALIGNMENT_TOO_LARGE"
"""The reason of the error about a text that is too long to be aligned."""

MOST_WEIGHTS = 900_000
"""Numbers of an Attention: 3.6 MB on the wire, where a message has room for 4 MiB."""

MOST_PAIRS = 2**16
"""Of places, over all of a pass: more texts at once are no faster, and their weights take memory. A
single text may have as many as it likes."""

Floats = NDArray[np.float32]
Outcome = Attention | InvalidArgumentError


class AttentionSession(Protocol):
    """The loaded graph, in whatever runs it. Any thread may use it, several at once."""

    def run(self, names: list[str], given: dict[str, NDArray[Any]]) -> list[Floats]:
        """Returns the outputs of these names for inputs by their names."""


class AttentionRunner:
    """All engines of a model share one. Any thread may use it.

    The graph is loaded when it is first needed, as most servers never do.
    """

    def __init__(self, bundle: Bundle, load: Callable[[Bundle], AttentionSession]) -> None:
        """Loads nothing yet.

        Args:
            bundle: Has the graph.
            load: Loads it; may raise BundleError and ConfigError.
        """
        self._bundle = bundle
        self._load = load
        self._heads = bundle.manifest.alignment_heads
        self._start_id = bundle.manifest.special_tokens.decoder_start_id
        self._session: AttentionSession | None = None
        self._loading = threading.Lock()

    def run(self, finished: Sequence[Finished]) -> list[Outcome]:
        """Returns what each asks for, or why it is more than may be told.

        Raises:
            BackendError: The bundle is no longer what was loaded.
        """
        outcomes: list[Outcome | None] = [self._refusal(each) for each in finished]
        allowed = [at for at, refusal in enumerate(outcomes) if refusal is None]
        for batch in _batches(finished, allowed):
            for at, attention in zip(batch, self._pass([finished[i] for i in batch]), strict=True):
                outcomes[at] = attention
        return [outcome for outcome in outcomes if outcome is not None]

    def _refusal(self, each: Finished) -> InvalidArgumentError | None:
        try:
            target = len(each.completion.token_ids)
            check_attention(self._bundle.manifest, len(each.source_ids), target, each.options)
        except InvalidArgumentError as error:
            return error
        return None

    def _pass(self, batch: list[Finished]) -> list[Attention]:
        names = self._names(batch)
        targets = [[self._start_id, *each.completion.token_ids] for each in batch]
        given: dict[str, Any] = {
            f"{side}_{name}": array
            for side, ids in (("source", [each.source_ids for each in batch]), ("target", targets))
            for name, array in zip(INPUTS, pack(ids), strict=True)
        }
        found = dict(zip(names, self._loaded().run(names, given), strict=True))
        return [self._told(each, row, found) for row, each in enumerate(batch)]

    def _names(self, batch: list[Finished]) -> list[str]:
        """Outputs that are wanted."""
        if any(each.options.return_attention for each in batch):
            return [output.name for output in self._bundle.manifest.attention.outputs]
        return [f"cross_attention_{self._heads.layer}"]

    def _told(self, each: Finished, row: int, found: dict[str, Floats]) -> Attention:
        source, target = len(each.source_ids), len(each.completion.token_ids)
        alignment = encoder = decoder = cross = None
        if each.options.return_alignment:
            weights = found[f"cross_attention_{self._heads.layer}"][row]
            mean = weights[list(self._heads.heads), : target + 1, :source].mean(axis=0)
            alignment = mean[1:] if self._heads.after_token else mean[:-1]
        if each.options.return_attention:
            said = target + (each.completion.finish_reason is FinishReason.STOP)
            encoder = _stacked(found, "encoder", row, source, source)
            decoder = _stacked(found, "decoder", row, said, said)
            cross = _stacked(found, "cross", row, said, source)
        return Attention(alignment, encoder, decoder, cross)

    def _loaded(self) -> AttentionSession:
        with self._loading:
            if self._session is None:
                self._session = self._unchanged()
        return self._session

    def _unchanged(self) -> AttentionSession:
        """Loads the graph that was verified, and keeps it whatever becomes of its files."""
        try:
            self._bundle.check_unchanged()
            session = self._load(self._bundle)
            self._bundle.detach()
        except (BundleError, ConfigError) as error:
            raise BackendError(
                f"the graph of attention weights cannot be loaded: {error}"
            ) from error
        return session


INPUTS = ("ids", "positions", "padded", "packed", "last")
"""What follows "source_" and "target_" in the names of inputs, as packing has them."""


def check_attention(
    manifest: Manifest, source_length: int, target_length: int, options: TranslationOptions
) -> None:
    """Raises InvalidArgumentError where the options ask for more than may be told.

    Args:
        manifest: The model's.
        source_length: Tokens of the source.
        target_length: Those of the target, the end token not counted.
        options: Of the text.
    """
    given = f"a text of {source_length} source and {target_length} target tokens"
    if options.return_alignment and max(source_length, target_length) > MOST_TOKENS:
        raise InvalidArgumentError(
            f"return_alignment is true for {given}; allowed: at most {MOST_TOKENS} of each",
            field="return_alignment",
            reason=ALIGNMENT_TOO_LARGE,
            given=given,
            allowed=f"at most {MOST_TOKENS} of each",
        )
    if options.return_attention:
        weights = _weight_count(manifest, source_length, target_length + 1)
        if weights > MOST_WEIGHTS:
            raise InvalidArgumentError(
                f"return_attention is true for {given}, which have {weights:,} weights in this "
                f"model; allowed: at most {MOST_WEIGHTS:,}",
                field="return_attention",
                reason="ATTENTION_TOO_LARGE",
                given=f"{weights} weights",
                allowed=f"at most {MOST_WEIGHTS}",
            )


def _weight_count(manifest: Manifest, source: int, target: int) -> int:
    sizes = manifest.architecture
    encoder = sizes.encoder_layers * sizes.encoder_heads * source * source
    decoder = sizes.decoder_layers * sizes.decoder_heads * target
    return encoder + decoder * (source + target)


def _batches(finished: Sequence[Finished], indices: Sequence[int]) -> list[list[int]]:
    """Divides texts into those that go through together, like lengths side by side."""

    def longest(at: int) -> int:
        return max(len(finished[at].source_ids), 1 + len(finished[at].completion.token_ids))

    divided: list[list[int]] = []
    for at in sorted(indices, key=longest):
        if divided and (len(divided[-1]) + 1) * longest(at) ** 2 <= MOST_PAIRS:
            divided[-1].append(at)
        else:
            divided.append([at])
    return divided


def _stacked(
    found: dict[str, Floats], kind: str, row: int, queries: int, keys: int
) -> Floats | None:
    """(layers, heads, queries, keys); None where there is none."""
    layers = [
        weights[row, :, :queries, :keys]
        for name, weights in found.items()
        if name.startswith(f"{kind}_")
    ]
    return np.stack(layers) if layers else None
