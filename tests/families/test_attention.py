"""Attention weights beside transformers' own, or beside the decoding steps where it has none.

Each family's graph must say the same as its modules.
"""

from pathlib import Path
from typing import Any

import onnx_ir
import pytest
import torch
import transformers

from dragoman_export.families import import_model
from dragoman_export.families.bart import TIED
from dragoman_export.graphs import ATTENTION, CPU, CUDA, Target
from dragoman_export.graphs.trace import trace_attention
from dragoman_export.model import ImportedModel
from dragoman_export.network import AttentionWeights, Transformer
from dragoman_export.precision import with_half_precision
from dragoman_export.verification import cpu_session, packed_pairs
from tests.export.network.test_forced_attention import forced, require_same, stepwise, unpadded
from tests.exports import Exports
from tests.families import fsmt, marian_npz, multilingual

TEXT = "the small cat sat on the mat by the river"
SAID = [5, 9, 17, 4, 30]

GRAPHED = ["family-t5", "marian-npz-student"]
"""Biases for distances, and a recurrent decoder."""


def make(name: str, exports: Exports, request: pytest.FixtureRequest) -> Path:
    if name == "marian":
        path: Path = request.getfixturevalue("checkpoint")
        return path
    toolkit, _, kind = name.partition("-")
    if toolkit == "family":
        return exports.get(name, multilingual.KINDS[kind].make)
    if toolkit == "fsmt":
        return exports.get(name, lambda at: fsmt.make_checkpoint(at, fsmt.KINDS[kind]))
    kind = name.removeprefix("marian-npz-")
    return exports.get(name, lambda at: marian_npz.make_checkpoint(at, marian_npz.KINDS[kind]))


def pair(model: ImportedModel) -> tuple[list[int], list[int]]:
    """Source tokens, and target tokens after the start token."""
    return model.tokenizer.encode(TEXT), [model.decoder_start_id, *SAID]


def of_transformers(checkpoint: Path, source: list[int], target: list[int]) -> AttentionWeights:
    library: Any = transformers.AutoModelForSeq2SeqLM.from_pretrained(
        checkpoint, dtype=torch.float32, attn_implementation="eager", **TIED
    ).eval()
    with torch.inference_mode():
        said = library(
            input_ids=torch.tensor([source]),
            attention_mask=torch.ones(1, len(source), dtype=torch.long),
            decoder_input_ids=torch.tensor([target]),
            output_attentions=True,
            use_cache=False,
        )
    kinds = (said.encoder_attentions, said.decoder_attentions, said.cross_attentions)
    return AttentionWeights(*([layer[0] for layer in layers] for layers in kinds))


@pytest.mark.parametrize(
    "name",
    ["marian", *(f"fsmt-{kind}" for kind in fsmt.KINDS)]
    + [f"family-{kind}" for kind in multilingual.KINDS],
)
def test_weights_are_those_of_transformers(
    name: str, exports: Exports, request: pytest.FixtureRequest
) -> None:
    checkpoint = make(name, exports, request)
    model = import_model(checkpoint)
    source, target = pair(model)
    ours = forced(model.transformer, source, target)
    require_same(ours, of_transformers(checkpoint, source, target))


@pytest.mark.parametrize("kind", marian_npz.KINDS)
def test_weights_are_those_of_the_decoding_steps(
    kind: str, exports: Exports, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = import_model(make(f"marian-npz-{kind}", exports, request))
    source, target = pair(model)
    ours = forced(model.transformer, source, target)
    assert bool(ours.decoder) is not model.config.recurrent
    require_same(ours, stepwise(model.transformer, source, target, monkeypatch))


@pytest.mark.parametrize("name", GRAPHED)
def test_the_graph_says_what_the_modules_say(
    name: str, exports: Exports, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    model = import_model(make(name, exports, request))
    source, target = pair(model)
    expected = forced(model.transformer, source, target)
    found = graphed(model.transformer, CPU, source, target, tmp_path)
    require_same(found, expected)


@pytest.mark.parametrize("name", GRAPHED)
def test_a_graph_of_16_bits_says_nearly_what_the_modules_say(
    name: str, exports: Exports, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    model = import_model(make(name, exports, request))
    source, target = pair(model)
    expected = forced(model.transformer, source, target)
    half = with_half_precision(model.blueprint.take(), "float16")
    require_same(graphed(half, CUDA, source, target, tmp_path), expected, tolerance=0.01)


def graphed(
    transformer: Transformer, target_of: Target, source: list[int], target: list[int], path: Path
) -> AttentionWeights:
    """What the graph says of a pair that has another beside it."""
    graph = trace_attention(transformer, target_of)
    (path / ATTENTION).write_bytes(onnx_ir.to_proto(graph).SerializeToString())
    session = cpu_session(path / ATTENTION)
    found = session.run(None, packed_pairs([[5, 0], source], [target[:2], target]))
    kinds = [output.name.split("_")[0] for output in session.get_outputs()]
    both = AttentionWeights(*(
        [torch.tensor(each) for each, kind in zip(found, kinds, strict=True) if kind == wanted]
        for wanted in AttentionWeights._fields
    ))  # fmt: skip
    return unpadded(both, 1, len(source), len(target))
