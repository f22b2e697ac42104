"""TorchScript and `.pt2` beside ONNX: the same model says the same, whatever runs its graphs."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from torch import Tensor

from dragoman_export.export import ExportRequest, export
from dragoman_export.families import import_model
from dragoman_export.graphs import PLAIN, FormatName
from dragoman_export.manifest import Precision
from dragoman_export.network import PlainEncoder, PlainOperators, PlainStep, TransformerConfig
from dragoman_export.verification.plain_decoding import load_plain
from tests.export import tiny, two_vocabularies
from tests.exports import Exports
from tests.families import marian_npz, multilingual, opennmt
from tests.families.bundles import export_both
from tests.families.compare import ANY, TIE, Direction, translated

CLOSE = 1e-4
"""To keys, values and logits, which are sums of a few dozen numbers near 1 in another order."""

SHORT = [
    *two_vocabularies.SOURCES,
    *two_vocabularies.TARGETS,
    *(text for text in tiny.SENTENCES if "</s>" not in text),
]
TEXTS = [*SHORT, *(f"{first} {second}" for first in SHORT for second in SHORT[:2])]


class Model(NamedTuple):
    """A checkpoint to make, and what is unlike in it."""

    make: Callable[[Path], Path]
    directions: Sequence[Direction] = (ANY,)
    languages: tuple[str | None, str | None] = (None, None)
    """That export is told."""


def _of(name: str) -> Model:
    kind = multilingual.KINDS[name]
    return Model(kind.make, kind.directions)


MODELS = {
    # Biases for distances, root mean squares, gates, heads of 12 filled up to 16.
    "family-madlad": _of("madlad"),
    # Pre-norm with norms of embeddings and at the end, tables of positions for both sides, and
    # languages as first tokens.
    "family-mbart50": _of("mbart50"),
    # A recurrent decoder, with norms before and after sublayers.
    "marian-npz-tied-student": Model(
        lambda path: marian_npz.make_checkpoint(path, marian_npz.KINDS["tied-student"]),
        languages=("en", "de"),
    ),
    # Post-norm, heads of 24 and of 16, two vocabularies.
    "marian-011": Model(
        lambda path: two_vocabularies.make_checkpoint(
            path, two_vocabularies.KINDS["two vocabularies"]
        )
    ),
    # Four heads in the encoder, two in the decoder.
    "eole": Model(
        lambda path: opennmt.make_checkpoint(path, opennmt.KINDS["eole"]), languages=("en", "de")
    ),
}

UNLIKE = ("family-madlad", "marian-npz-tied-student")
"""The most of all."""

BUNDLES: list[tuple[str, FormatName]] = [
    *((name, "torchscript") for name in MODELS),
    *((name, "pt2") for name in UNLIKE),
]

pytestmark = pytest.mark.filterwarnings("ignore:Recommended. pip install sacremoses")


def plain_bundle(name: str, graph_format: FormatName, exports: Exports) -> Path:
    def make(path: Path) -> None:
        checkpoint = exports.get(name, MODELS[name].make)
        export(requested(checkpoint, name, graph_format, path), tiny.no_progress)

    return exports.get(f"{name}-{graph_format}", make)


def requested(checkpoint: Path, name: str, graph_format: FormatName, output: Path) -> ExportRequest:
    source, target = MODELS[name].languages
    return replace(
        tiny.request(checkpoint, output),
        format=graph_format,
        source_language=source,
        target_language=target,
    )


@pytest.mark.parametrize(("name", "graph_format"), BUNDLES)
def test_a_bundle_says_what_that_of_onnx_says(
    name: str, graph_format: FormatName, exports: Exports
) -> None:
    model = MODELS[name]
    bundles = export_both(exports, exports.get(name, model.make), *model.languages, ["float32"])
    plain = plain_bundle(name, graph_format, exports)
    # Greedy and beams in one batch, each in every direction.
    ways = ((1, 1, 4, 4), model.directions)
    expected = translated(bundles["float32"], TEXTS, *ways)
    found = translated(plain, TEXTS, *ways)
    assert len({each.translated_text for each in expected}) > len(TEXTS) // 6
    different = 0
    for text, ours, theirs in zip(TEXTS, found, expected, strict=True):
        assert abs(ours.score - theirs.score) < TIE, text
        same = [each.translated_text for each in (ours, theirs)]
        lengths = [each.target_token_count for each in (ours, theirs)]
        different += same[0] != same[1] or lengths[0] != lengths[1]
    assert different <= len(TEXTS) // 50  # ties, as the scores are equal


@pytest.mark.parametrize(
    ("name", "precision"), [("family-madlad", "float16"), ("marian-npz-tied-student", "bfloat16")]
)
def test_16_bits_are_close_to_the_checkpoint(
    name: str, precision: Precision, exports: Exports, tmp_path: Path
) -> None:
    """Biases for distances and states of a recurrent decoder have types of their own to mix up."""
    request = requested(
        exports.get(name, MODELS[name].make), name, "torchscript", tmp_path / "half"
    )
    manifest = export(replace(request, precision=precision), tiny.no_progress)
    assert manifest.precision == precision
    assert 0 < manifest.parity.mean_log_prob_difference < 0.1
    assert manifest.parity.token_count > 20


SIZES = ((1, 1, 1), (1, 9, 4), (5, 1, 13), (6, 9, 1), (2, 2, 2))
"""Rows, source and target: of 1 above all, which tracing may take for constants."""


@pytest.mark.parametrize("graph_format", PLAIN)
@pytest.mark.parametrize("name", UNLIKE)
def test_graphs_take_batches_and_texts_of_any_size(
    name: str, graph_format: FormatName, exports: Exports
) -> None:
    bundle = plain_bundle(name, graph_format, exports)
    transformer = import_model(exports.get(name, MODELS[name].make)).transformer
    with torch.no_grad():  # not before: a checkpoint that is made is trained
        kind = PLAIN[graph_format]
        encoder, decoder = (
            load_plain(bundle / kind.file(of), kind) for of in ("encoder", "decoder")
        )
        own_encoder, own_decoder = PlainEncoder(transformer.encoder), PlainStep(transformer.decoder)
        chance = torch.Generator().manual_seed(1)
        for rows, source, target in SIZES:
            token_ids = torch.randint(3, 60, (rows, source), generator=chance)
            lengths = torch.randint(1, source + 1, (rows, 1), generator=chance)
            mask = torch.arange(source) < lengths
            with PlainOperators():
                expected = own_encoder(token_ids, mask)
            torch.testing.assert_close(encoder(token_ids, mask), expected, rtol=0, atol=CLOSE)
            caches = _caches(transformer.config, expected, target)
            own_caches = [cache.clone() for cache in caches]
            for position in range(target):
                # Every second row is a step behind.
                positions = (position - torch.arange(rows) % 2).clamp_min(0)
                fed = (token_ids[:, 0], positions, torch.arange(target) <= positions[:, None], mask)
                with PlainOperators():
                    expected = own_decoder(*fed, *own_caches)
                torch.testing.assert_close(decoder(*fed, *caches), expected, rtol=0, atol=CLOSE)
            for found, kept in zip(caches, own_caches, strict=True):
                torch.testing.assert_close(found, kept, rtol=0, atol=CLOSE)


def _caches(config: TransformerConfig, key_value: Tensor, target: int) -> list[Tensor]:
    """Of all layers, with nothing of the target in them."""
    _, rows, heads, _, head_dim = key_value.shape
    own = [(rows, config.model_dim)] if config.recurrent else [(rows, heads, target, head_dim)] * 2
    return [
        cache.clone()
        for layer in range(config.decoder_layers)
        for cache in (*map(torch.zeros, own), *key_value[2 * layer : 2 * layer + 2])
    ]
