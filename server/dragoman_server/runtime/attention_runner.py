"""Runs a bundle's graph of attention weights over finished translations.

Knows its inputs and outputs. Does not know queues, rows or text.
"""

import threading
from collections.abc import Sequence

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from dragoman.v1.bundle_pb2 import Manifest
from dragoman_server.errors import BackendError, BundleError, InvalidArgumentError
from dragoman_server.models import Bundle
from dragoman_server.sequence import Attention, Completion, FinishReason, TranslationOptions

MOST_TOKENS = 1024
"""Of a source or a target whose alignment is told: memory grows with the square of them."""

MOST_WEIGHTS = 900_000
"""Numbers of an Attention: 3.6 MB on the wire, where a message has room for 4 MiB."""

Floats = NDArray[np.float32]


class AttentionRunner:
    """All engines of a model share one. Any thread may use it.

    The graph is loaded when it is first needed, as most servers never do, and then has weights of
    its own: onnxruntime packs them for its products, which is a third to a half faster than not to.
    """

    def __init__(self, bundle: Bundle) -> None:
        """Loads nothing yet; the bundle has the graph."""
        self._bundle = bundle
        self._heads = bundle.manifest.alignment_heads
        self._start_id = bundle.manifest.special_tokens.decoder_start_id
        self._session: onnxruntime.InferenceSession | None = None
        self._loading = threading.Lock()

    def run(
        self, source_ids: Sequence[int], completion: Completion, options: TranslationOptions
    ) -> Attention:
        """Returns what the options ask for.

        Raises:
            InvalidArgumentError: It is more than may be told.
            BackendError: The bundle is no longer what was loaded.
        """
        token_ids = completion.token_ids
        check_attention(self._bundle.manifest, len(source_ids), len(token_ids), options)
        names = self._names(options)
        given = {
            "source_ids": np.array(source_ids, np.int64),
            "target_ids": np.array([self._start_id, *token_ids], np.int64),
        }
        found = dict(zip(names, self._load().run(names, given), strict=True))
        said = len(token_ids) + (completion.finish_reason is FinishReason.STOP)
        alignment = encoder = decoder = cross = None
        if options.return_alignment:
            alignment = self._alignment(found[f"cross_attention_{self._heads.layer}"])
        if options.return_attention:
            encoder = _stacked(found, "encoder")
            decoder = _stacked(found, "decoder")
            cross = _stacked(found, "cross")
            decoder = None if decoder is None else decoder[:, :, :said, :said]
            cross = None if cross is None else cross[:, :, :said]
        return Attention(alignment, encoder, decoder, cross)

    def _names(self, options: TranslationOptions) -> list[str]:
        """Outputs that are wanted."""
        if options.return_attention:
            return [output.name for output in self._bundle.manifest.attention.outputs]
        return [f"cross_attention_{self._heads.layer}"]

    def _alignment(self, weights: Floats) -> Floats:
        """(target, source) of (heads, 1 + target, source)."""
        mean: Floats = weights[list(self._heads.heads)].mean(axis=0)
        return mean[1:] if self._heads.after_token else mean[:-1]

    def _load(self) -> onnxruntime.InferenceSession:
        with self._loading:
            if self._session is None:
                self._session = _session(self._bundle)
        return self._session


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
            reason="ALIGNMENT_TOO_LARGE",
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


def _stacked(found: dict[str, Floats], kind: str) -> Floats | None:
    """Layers in their order; None where there is none."""
    layers = [weights for name, weights in found.items() if name.startswith(f"{kind}_")]
    return np.stack(layers) if layers else None


def _session(bundle: Bundle) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # the caller's own
    options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False  # it would keep what the longest text took
    options.log_severity_level = 4  # errors are raised
    try:
        bundle.check_unchanged()
        session = onnxruntime.InferenceSession(
            bundle.path / bundle.manifest.attention.path,
            options,
            providers=["CPUExecutionProvider"],
            disabled_optimizers=["SkipLayerNormFusion"],  # as in load_sessions
        )
        bundle.detach()
    except BundleError as error:
        raise BackendError(f"the graph of attention weights cannot be loaded: {error}") from error
    return session
