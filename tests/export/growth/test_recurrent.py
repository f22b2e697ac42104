import numpy as np
import onnx
import onnxruntime

from dragoman_export.growth.recurrent import recurrent_encoder, recurrent_inputs


def encode(graph: bytes, length: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    (encoded,) = session.run(None, recurrent_inputs(16, length))
    return np.asarray(encoded, np.float32)


def test_each_layer_takes_and_yields_vectors_of_the_width() -> None:
    graph = recurrent_encoder(16, 3)
    model = onnx.load_from_string(graph)
    onnx.checker.check_model(model)
    assert [node.op_type for node in model.graph.node].count("LSTM") == 3
    assert encode(graph, 5).shape == (5, 1, 16)


def test_it_reads_in_both_directions() -> None:
    graph = recurrent_encoder(16, 1)
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    vectors = recurrent_inputs(16, 4)["vectors"]
    (before,) = session.run(None, {"vectors": vectors})
    changed = vectors.copy()
    changed[2] = 0
    (after,) = session.run(None, {"vectors": changed})
    moved = np.abs(np.asarray(after) - np.asarray(before)).max(axis=(1, 2))
    assert moved.min() > 0
    (half,) = {before.shape[2] // 2}
    assert np.array_equal(before[:2, :, :half], after[:2, :, :half])  # what was read before
    assert np.array_equal(before[3, :, half:], after[3, :, half:])


def test_the_same_numbers_come_each_time() -> None:
    assert recurrent_encoder(16, 2) == recurrent_encoder(16, 2)
