"""Writes a bundle whose files hold nothing useful but have the right hashes."""

import hashlib
from pathlib import Path

from google.protobuf import json_format

from dragoman.v1.bundle_pb2 import BundleFile, Graph, Manifest, TensorSpec, TokenizerFiles
from tests.server.service.harness import manifest

CONTENTS = {
    "encoder.onnx": b"encoder",
    "decoder.onnx": b"decoder",
    "source.spm": b"source",
    "target.spm": b"target",
    "vocabulary.json": b"{}",
}


def write_bundle(path: Path) -> Manifest:
    content = manifest()
    content.format_version = 5
    content.providers.append("cpu")
    sizes = content.architecture
    sizes.encoder_layers = sizes.encoder_heads = sizes.model_dim = 1
    sizes.vocabulary_size = 1000
    tensor = TensorSpec(name="token_ids", data_type="int64", shape=["tokens"])
    caches = [
        TensorSpec(name=name, data_type="float", shape=["rows", "1", "capacity", "1"])
        for name in ("self_key_0", "cross_value_0")
    ]
    content.encoder.CopyFrom(Graph(path="encoder.onnx", inputs=[tensor], outputs=[tensor]))
    content.decoder.CopyFrom(Graph(path="decoder.onnx", inputs=[tensor, *caches], outputs=[tensor]))
    content.tokenizer.CopyFrom(
        TokenizerFiles(
            kind="sentencepiece",
            source_model_path="source.spm",
            target_model_path="target.spm",
            vocabulary_path="vocabulary.json",
        )
    )
    content.provenance.checkpoint = "tiny-checkpoint"
    content.parity.sentence_count = 200
    path.mkdir()
    for name, data in CONTENTS.items():
        (path / name).write_bytes(data)
        digest = hashlib.sha256(data).hexdigest()
        content.files.append(BundleFile(path=name, size_bytes=len(data), sha256=digest))
    (path / "bundle.json").write_text(json_format.MessageToJson(content))
    return content
