"""The graphs of bundles that are made for CUDA: what can be recorded, and what was verified."""

import math
from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import pytest
from google.protobuf import json_format

from dragoman.v1 import bundle_pb2
from dragoman_export import workbench
from dragoman_export.errors import UsageError, VerificationError
from dragoman_export.export import export
from dragoman_export.families import import_model
from dragoman_export.graphs.contract import attention_contract
from dragoman_export.graphs.copy_graph import COPY, write_copy_graph
from dragoman_export.graphs.files import ATTENTION, DECODER, ENCODER, WEIGHTS, write_graphs
from dragoman_export.graphs.trace import Graphs
from dragoman_export.model import Prompt
from dragoman_export.network import device_step
from dragoman_export.verification.device_decoding import DeviceGraphDecoder
from dragoman_export.verification.graph_decoding import cpu_session, packed_pairs
from tests.export import tiny

HALVES = ["float16", "bfloat16"]

CONTROL_FLOW = {"If", "Loop", "Scan"}

FROM_THE_HOST = {"Shape", "Size", "NonZero", "ConstantOfShape"}
"""Operators whose results the host has to know, or that end on the CPU."""

WITH_KERNELS = {
    "Cast", "Gather", "Gemm", "MatMul", "Relu", "Reshape", "SkipLayerNormalization", "Slice",
    "Squeeze", "Transpose",
}  # fmt: skip
"""For 16 bits, both kinds, in onnxruntime's CUDA provider (its docs/OperatorKernels.md)."""


@pytest.fixture(params=HALVES)
def half_bundle(request: pytest.FixtureRequest) -> Path:
    path: Path = request.getfixturevalue(f"{request.param}_bundle")
    return path


def load(bundle: Path, name: str) -> onnx.ModelProto:
    return onnx.load(bundle / name, load_external_data=False)


def kinds(bundle: Path, name: str) -> list[str]:
    return [node.op_type for node in load(bundle, name).graph.node]


def manifest(bundle: Path) -> bundle_pb2.Manifest:
    return json_format.Parse((bundle / "bundle.json").read_text(), bundle_pb2.Manifest())


def test_a_decoding_step_can_be_recorded(half_bundle: Path) -> None:
    assert not set(kinds(half_bundle, DECODER)) & (CONTROL_FLOW | FROM_THE_HOST)
    model = load(half_bundle, DECODER)
    constants = {tensor.name for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type in {"TopK", "Reshape", "Slice", "Squeeze", "Unsqueeze"}:
            assert set(node.input[1:]) <= constants


def test_a_linear_layer_before_a_normalisation_leaves_its_bias_to_it(half_bundle: Path) -> None:
    for name, fused in ((ENCODER, 4), (DECODER, 6)):
        nodes = load(half_bundle, name).graph.node
        norms = [node for node in nodes if node.op_type == "SkipLayerNormalization"]
        assert [len(node.input) for node in norms] == [5] * fused
        assert Counter(node.op_type for node in nodes)["MatMul"] == fused
        assert "LayerNormalization" not in kinds(half_bundle, name)


def test_attention_has_all_its_outputs(half_bundle: Path) -> None:
    for name in (ENCODER, DECODER):
        for node in load(half_bundle, name).graph.node:
            if node.op_type == "GroupQueryAttention":
                assert len([output for output in node.output if output]) == 3


def test_only_casts_tell_the_graphs_from_those_that_were_verified(
    half_bundle: Path, stand_in_bundle: Path
) -> None:
    for name, casts in ((ENCODER, 1), (DECODER, 2), (ATTENTION, 19)):
        found, verified = kinds(half_bundle, name), kinds(stand_in_bundle, name)
        assert found.count("Cast") == verified.count("Cast") + casts
        assert [k for k in found if k != "Cast"] == [k for k in verified if k != "Cast"]


def test_what_decides_between_tokens_is_float32(half_bundle: Path) -> None:
    graph = load(half_bundle, DECODER).graph
    types = {tensor.name: tensor.data_type for tensor in graph.initializer}
    projection = next(node for node in reversed(graph.node) if node.op_type == "Gemm")
    assert [types[name] for name in projection.input[1:]] == [onnx.TensorProto.FLOAT] * 2
    assert set(types.values()) > {onnx.TensorProto.FLOAT}  # others are of 16 bits


def test_weights_of_attention_are_float32_and_take_no_room_of_their_own(half_bundle: Path) -> None:
    types, stored = {}, {}
    for name in (ENCODER, DECODER, ATTENTION):
        graph = load(half_bundle, name).graph
        types[name] = {output.name: output.type.tensor_type.elem_type for output in graph.output}
        stored[name] = {
            (entry.key, entry.value)
            for tensor in graph.initializer
            for entry in tensor.external_data
            if entry.key == "offset"
        }
    assert set(types[ATTENTION].values()) == {onnx.TensorProto.FLOAT}
    assert stored[ATTENTION]
    assert stored[ATTENTION] <= stored[ENCODER] | stored[DECODER]


def test_what_attention_does_in_16_bits_the_device_has_kernels_for(half_bundle: Path) -> None:
    graph = onnx.shape_inference.infer_shapes(load(half_bundle, ATTENTION)).graph
    types = {each.name: each.type.tensor_type.elem_type for each in graph.value_info}
    types |= {tensor.name: tensor.data_type for tensor in graph.initializer}
    bits_16 = {onnx.TensorProto.FLOAT16, onnx.TensorProto.BFLOAT16}
    assert set(types.values()) & bits_16
    for node in graph.node:
        if bits_16 & {types.get(name) for name in [*node.input, *node.output]}:
            assert node.op_type in WITH_KERNELS
        if node.op_type in {"MatMul", "Softmax"} and not bits_16 & {types.get(node.input[0])}:
            assert types[node.input[0]] == onnx.TensorProto.FLOAT


def test_16_bits_attend_nearly_as_float32_does(float16_bundle: Path, float32_bundle: Path) -> None:
    given = packed_pairs([[5, 9, 4, 0], [7, 0], [6] * 9], [[3, 8, 13], [3], [3, 4, 11, 30]])
    exact, found = (
        cpu_session(bundle / ATTENTION).run(None, given)
        for bundle in (float32_bundle, float16_bundle)
    )
    difference = max(np.abs(one - other).max() for one, other in zip(exact, found, strict=True))
    assert 1e-5 < difference < 0.01  # they are of 16 bits, and little is lost


def test_the_heads_that_align_are_chosen_in_float32(
    half_bundle: Path, float32_bundle: Path, checkpoint: Path
) -> None:
    described, exact = manifest(half_bundle), manifest(float32_bundle)
    chosen = described.alignment_heads
    assert chosen.chosen_by == "model_1"
    assert chosen.figure == pytest.approx(exact.alignment_heads.figure, abs=1e-5)
    assert (chosen.layer, list(chosen.heads)) == (
        exact.alignment_heads.layer,
        list(exact.alignment_heads.heads),
    )
    outputs = [(o.name, o.data_type) for o in described.attention.outputs]
    contract = attention_contract(import_model(checkpoint).config)
    assert outputs == [(o.name, o.data_type) for o in contract.outputs]


def test_the_manifest_says_what_was_verified(half_bundle: Path) -> None:
    described = manifest(half_bundle)
    half = described.precision
    assert list(described.providers) == ["cuda"]
    assert described.candidate_count == device_step.CANDIDATES == 33
    assert described.copy.path == COPY
    assert described.decoder.inputs[-1].data_type == half
    assert described.encoder.outputs[0].data_type == half
    assert described.parity.measured_with == {"float16": "onnxruntime"}.get(half, "pytorch")
    assert 0 < described.parity.mean_log_prob_difference < 0.1


def test_a_cpu_bundle_says_so_too(float32_bundle: Path) -> None:
    described = manifest(float32_bundle)
    assert list(described.providers) == ["cpu"]
    assert described.candidate_count == 0
    assert not described.HasField("copy")
    assert described.parity.measured_with == "onnxruntime"


def test_half_the_bits_are_half_the_layers(half_bundle: Path, stand_in_bundle: Path) -> None:
    sizes = [(path / WEIGHTS).stat().st_size for path in (half_bundle, stand_in_bundle)]
    assert sizes[0] < sizes[1]


def test_exporting_twice_gives_the_same_bytes(
    float16_bundle: Path, checkpoint: Path, tmp_path: Path
) -> None:
    request = tiny.request(checkpoint, tmp_path / "again", "float16", attention=True)
    export(request, tiny.no_progress)
    for name in (ENCODER, DECODER, ATTENTION, COPY, WEIGHTS, "bundle.json"):
        assert (tmp_path / "again" / name).read_bytes() == (float16_bundle / name).read_bytes()


def test_wrong_graphs_are_found_in_float32(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write_corrupted(graphs: Graphs, directory: Path) -> None:
        write_graphs(graphs, directory)
        content = bytearray((directory / WEIGHTS).read_bytes())
        span = slice(len(content) // 2, len(content) // 2 + 4096)
        content[span] = bytes(byte ^ 0x80 for byte in content[span])
        (directory / WEIGHTS).write_bytes(content)

    monkeypatch.setattr(workbench, "write_graphs", write_corrupted)
    with pytest.raises(VerificationError, match="the graphs are wrong"):
        export(tiny.request(checkpoint, tmp_path / "bundle", "bfloat16"), tiny.no_progress)
    assert not list(tmp_path.iterdir())


def test_activation_scales_are_an_option_of_int8(checkpoint: Path, tmp_path: Path) -> None:
    request = tiny.request(checkpoint, tmp_path / "bundle", "float16")
    object.__setattr__(request, "activation_scales", "calibrated")
    with pytest.raises(UsageError, match="int8"):
        export(request, tiny.no_progress)


def test_a_token_that_is_no_candidate_scores_as_the_last_one(
    stand_in_bundle: Path, checkpoint: Path
) -> None:
    model = import_model(checkpoint)
    decoder = DeviceGraphDecoder(stand_in_bundle, model)
    prompt = Prompt([5, 9, 4, 0])
    vocabulary = range(model.transformer.config.vocabulary_size)
    scores = [decoder.score([prompt], [[token]])[0][0] for token in vocabulary]
    assert scores.count(min(scores)) == len(scores) - device_step.CANDIDATES + 1
    assert math.fsum(np.exp(sorted(scores)[-device_step.CANDIDATES :])) <= 1 + 1e-6


def test_the_copy_graph_reads_everything_before_it_writes(tmp_path: Path) -> None:
    write_copy_graph(tmp_path)
    table = np.arange(24, dtype=np.int64).reshape(12, 2)  # 2 groups of 6 places of 2 words
    groups = np.array([[0, 6], [0, 6]])[:, :, None]
    offsets = np.array([[0, 1], [1, 2]])[:, None, :]  # 0 to 1, and what was at 1 to 2
    (found,) = cpu_session(tmp_path / COPY).run(
        None, {"source": table, "target": table, "groups": groups, "offsets": offsets}
    )
    expected = table.copy()
    for first in (0, 6):
        expected[first + 1], expected[first + 2] = table[first], table[first + 1]
    np.testing.assert_array_equal(found, expected)
