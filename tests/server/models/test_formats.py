"""A manifest of graphs that torch runs says what they are given, in their order."""

from pathlib import Path
from typing import Any

import pytest

from dragoman.v1.bundle_pb2 import Manifest
from dragoman_server.models import format_of, read_manifest, runtime_of
from dragoman_server.models.formats import problems_of_format
from dragoman_server.models.manifest import problems_of


@pytest.fixture
def manifest(torchscript_bundle: Path) -> Manifest:
    return read_manifest(torchscript_bundle)


@pytest.mark.parametrize(
    ("written", "known", "runtime"),
    [
        ("", "onnx", "onnxruntime"),
        ("onnx", "onnx", "onnxruntime"),
        ("torchscript", "torchscript", "torch"),
        ("pt2", "pt2", "torch"),
    ],
)
def test_the_format_says_what_runs_it(written: str, known: str, runtime: str) -> None:
    manifest = Manifest(format=written)
    assert (format_of(manifest), runtime_of(manifest)) == (known, runtime)


def test_a_format_that_is_not_known_is_told_with_those_that_are(manifest: Manifest) -> None:
    manifest.format = "gguf"
    assert list(problems_of_format(manifest)) == [
        "format is 'gguf'; allowed: onnx, torchscript, pt2"
    ]


def test_graphs_for_torch_need_neither_a_copy_nor_candidates(manifest: Manifest) -> None:
    assert "cuda" in manifest.providers
    assert not manifest.HasField("copy")
    assert problems_of(manifest) == []
    manifest.format = "onnx"
    found = "; ".join(problems_of(manifest))
    assert "candidate_count is 0" in found
    assert "copy.inputs is empty" in found


def swap(tensors: Any) -> None:
    names = [tensor.name for tensor in tensors]
    tensors[0].name, tensors[1].name = names[1], names[0]


def whole(tensors: Any) -> None:
    tensors[1].data_type = "int64"


@pytest.mark.parametrize(
    ("graph", "change", "message"),
    [
        ("encoder", swap, r"encoder.inputs has source_mask \(int64\), token_ids \(bool\); allowed"),
        ("encoder", whole, r"order: token_ids \(int64\), source_mask \(bool\)"),
        ("decoder", swap, r"decoder.inputs has positions \(int64\), token_ids \(int64\), target"),
        ("decoder", lambda tensors: swap(tensors[-2:]), r"decoder.inputs has .* allowed, in this"),
    ],
)
def test_inputs_in_another_order_or_of_other_types_are_refused(
    manifest: Manifest, graph: str, change: Any, message: str
) -> None:
    change(getattr(manifest, graph).inputs)
    with pytest.raises(AssertionError, match=message):
        raise AssertionError("; ".join(problems_of(manifest)))


@pytest.mark.parametrize("graph", ["encoder", "decoder"])
def test_a_graph_has_one_output_of_that_name(manifest: Manifest, graph: str) -> None:
    outputs = getattr(manifest, graph).outputs
    outputs.add(name="more", data_type="float", shape=["rows"])
    (found,) = problems_of(manifest)
    assert found.startswith(f"{graph}.outputs has {outputs[0].name} (float), more (float); allowed")


def test_torch_has_no_int8(manifest: Manifest) -> None:
    manifest.precision = "int8"
    assert problems_of(manifest) == [
        "precision is 'int8' in the format torchscript; allowed: float32, float16, bfloat16"
    ]


def test_attention_takes_what_the_server_has_to_give(manifest: Manifest) -> None:
    manifest.ClearField("attention")
    for name in ("source_ids", "memory"):
        manifest.attention.inputs.add(name=name, data_type="int64", shape=["tokens"])
    (found,) = problems_of_format(manifest)
    assert found.startswith("attention.inputs[1].name is 'memory'; allowed: source_ids, ")
