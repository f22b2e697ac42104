"""The graphs of a finished bundle: independence, shared weights, nothing of this machine."""

from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from google.protobuf import json_format
from numpy.typing import NDArray

from dragoman.v1 import bundle_pb2
from dragoman_export.families import import_model
from dragoman_export.graphs.files import DECODER, ENCODER, WEIGHTS
from dragoman_export.model import Prompt
from dragoman_export.verification.graph_decoding import GraphDecoder, nothing_shared, packed

SOURCES = [[5, 9, 4, 0], [7, 0], [20, 21, 22, 23, 24, 25, 0], [3, 3, 0]]
ROWS = 9


def session(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(
        path,
        options,
        providers=["CPUExecutionProvider"],
        disabled_optimizers=["SkipLayerNormFusion"],
    )


def manifest(bundle: Path) -> bundle_pb2.Manifest:
    return json_format.Parse((bundle / "bundle.json").read_text(), bundle_pb2.Manifest())


def test_graphs_have_the_manifests_inputs_and_outputs(bundle: Path) -> None:
    described = manifest(bundle)
    for graph in (described.encoder, described.decoder):
        loaded = session(bundle / graph.path)
        for described_tensors, found in (
            (graph.inputs, loaded.get_inputs()),
            (graph.outputs, loaded.get_outputs()),
        ):
            assert [
                (tensor.name, f"tensor({tensor.data_type})", list(tensor.shape))
                for tensor in described_tensors
            ] == [(value.name, value.type, [str(size) for size in value.shape]) for value in found]


def test_encoder_output_is_the_same_alone_and_in_any_batch(bundle: Path) -> None:
    encoder = session(bundle / ENCODER)
    (together,) = encoder.run(None, packed(SOURCES))
    (reversed_,) = encoder.run(None, packed(SOURCES[::-1]))
    start = 0
    for source in SOURCES:
        (alone,) = encoder.run(None, packed([source]))
        span = slice(start, start + len(source))
        assert np.array_equal(alone, together[:, :, span])
        start += len(source)
        backwards = slice(reversed_.shape[2] - start, reversed_.shape[2] - start + len(source))
        assert np.array_equal(alone, reversed_[:, :, backwards])


def decoder_inputs(bundle: Path, rows: int) -> dict[str, NDArray[np.generic]]:
    random = np.random.default_rng(0)
    inputs: dict[str, NDArray[np.generic]] = {
        "token_ids": random.integers(2, 60, ROWS),
        "positions": random.integers(0, 10, ROWS).astype(np.int32),
        "source_last": random.integers(0, 8, ROWS).astype(np.int32),
        "candidate_count": np.array([3]),
        "with_normalizers": np.array(1, np.bool_),
        "wanted_ids": np.array([7, 40]),
        **nothing_shared(manifest(bundle).architecture.decoder_heads),
    }
    sizes = {"rows": ROWS, "sources": ROWS, "target_capacity": 12, "source_capacity": 8}
    for tensor in list(manifest(bundle).decoder.inputs)[len(inputs) :]:
        shape = [sizes[size] if size in sizes else int(size) for size in tensor.shape]
        kept = random.standard_normal(shape)
        is_float = tensor.data_type == "float"
        inputs[tensor.name] = kept.astype(np.float32) if is_float else (kept * 30).astype(np.int8)
    return {
        name: array[:rows] if array.shape[:1] == (ROWS,) else array
        for name, array in inputs.items()
    }


@pytest.mark.parametrize("rows", [1, 2, 5, 8])
def test_decoder_rows_are_the_same_at_any_row_count(bundle: Path, rows: int) -> None:
    decoder = session(bundle / DECODER)
    names = ["candidate_ids", "candidate_logits", "log_normalizers", "wanted_logits"]
    names.append("self_key_1_out")
    everyone = decoder.run(names, decoder_inputs(bundle, ROWS))
    some = decoder.run(names, decoder_inputs(bundle, rows))
    for full, part in zip(everyone, some, strict=True):
        assert np.array_equal(full[:rows], part)


def test_candidate_count_may_exceed_the_number_of_groups(bundle: Path) -> None:
    decoder = session(bundle / DECODER)
    inputs = decoder_inputs(bundle, ROWS) | {"candidate_count": np.array([50])}
    ids, logits = decoder.run(["candidate_ids", "candidate_logits"], inputs)
    assert ids.shape == logits.shape == (ROWS, 50)
    assert (np.diff(logits, axis=1) <= 0).all()
    suppressed = set(manifest(bundle).special_tokens.suppressed_ids)
    assert not suppressed & set(ids.ravel().tolist())


@pytest.mark.parametrize("wanted", [[], [5], [17, 3, 5, 17]])
def test_logits_of_wanted_tokens_are_those_of_candidates_to_the_last_bit(
    bundle: Path, wanted: list[int]
) -> None:
    inputs = decoder_inputs(bundle, ROWS)
    inputs |= {"candidate_count": np.array([50]), "wanted_ids": np.array(wanted, np.int64)}
    names = ["candidate_ids", "candidate_logits", "wanted_logits"]
    ids, logits, found = session(bundle / DECODER).run(names, inputs)
    assert found.shape == (ROWS, len(wanted))
    for column, token in enumerate(wanted):
        rows, places = (ids == token).nonzero()
        assert len(rows), "of these few tokens it is a candidate somewhere"
        assert np.array_equal(found[rows, column], logits[rows, places])


def external_places(path: Path) -> list[tuple[int, int]]:
    model = onnx.load(path, load_external_data=False)
    entries = [
        {entry.key: entry.value for entry in tensor.external_data}
        for tensor in model.graph.initializer
        if tensor.data_location == onnx.TensorProto.EXTERNAL
    ]
    assert all(entry["location"] == WEIGHTS for entry in entries)
    return [(int(entry["offset"]), int(entry["length"])) for entry in entries]


def test_every_weight_is_stored_once(bundle: Path) -> None:
    places = external_places(bundle / ENCODER) + external_places(bundle / DECODER)
    content = (bundle / WEIGHTS).read_bytes()
    stored = Counter(content[start : start + length] for start, length in set(places))
    assert set(stored.values()) == {1}
    assert len(set(places)) < len(places)  # embeddings serve both graphs


def test_graphs_hold_no_trace_of_where_they_were_made(bundle: Path) -> None:
    for name in (ENCODER, DECODER):
        content = (bundle / name).read_bytes()
        for word in (b"/home", b"/tmp", b"site-packages", b".py", b"pkg.torch", b"dragoman_export"):
            assert word not in content
        model = onnx.load(bundle / name, load_external_data=False)
        assert not model.metadata_props
        assert not any(node.metadata_props or node.doc_string for node in model.graph.node)


def test_graphs_hold_none_of_the_operators_that_are_slow_or_see_the_batch(bundle: Path) -> None:
    for name in (ENCODER, DECODER):
        model = onnx.load(bundle / name, load_external_data=False)
        kinds = {node.op_type for node in model.graph.node}
        assert not kinds & {"SkipLayerNormalization", "DynamicQuantizeMatMul", "MatMulInteger"}
        assert sum(node.op_type in {"Cast", "Expand"} for node in model.graph.node) <= 3


def operators(bundle: Path) -> Counter[str]:
    """Of both graphs."""
    models = [onnx.load(bundle / name, load_external_data=False) for name in (ENCODER, DECODER)]
    return Counter(node.op_type for model in models for node in model.graph.node)


def test_a_calibrated_linear_layer_is_two_operators(
    int8_bundle: Path, per_row_bundle: Path
) -> None:
    calibrated, per_row = operators(int8_bundle), operators(per_row_bundle)

    layers = calibrated["MatMulIntegerToFloat"]
    assert layers == per_row["MatMulIntegerToFloat"] == per_row["QuantizeLinear"]
    assert calibrated["QuantizeLinear"] == layers + 1  # the encoder's keys and values
    assert (per_row["Relu"], calibrated["Relu"]) == (4, 0)
    assert per_row["Abs"] == layers
    assert calibrated["Abs"] == 0


def test_scores_of_given_tokens_are_those_of_saying_them(bundle: Path, checkpoint: Path) -> None:
    model = import_model(checkpoint)
    decoder = GraphDecoder(bundle, model)
    prompts = [Prompt(source) for source in SOURCES]
    hypotheses = decoder.decode(prompts, limit=12)

    scores = decoder.score(prompts, [hypothesis.token_ids for hypothesis in hypotheses])

    assert scores == [hypothesis.log_probs for hypothesis in hypotheses]


def test_the_likeliest_and_the_unlikeliest_tokens_have_a_score(
    bundle: Path, checkpoint: Path
) -> None:
    model = import_model(checkpoint)
    decoder = GraphDecoder(bundle, model)
    vocabulary = range(model.transformer.config.vocabulary_size)

    found = [decoder.score([Prompt(SOURCES[0])], [[token]])[0][0] for token in vocabulary]

    assert np.exp(found).sum() == pytest.approx(1, abs=1e-4)
