"""Bundles for PyTorch: from a checkpoint to a directory, in each format and precision."""

import dataclasses
import resource
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from google.protobuf import json_format

from dragoman.v1 import bundle_pb2
from dragoman_export.cli import main
from dragoman_export.errors import UsageError, VerificationError
from dragoman_export.export import export, load
from dragoman_export.families import import_model
from dragoman_export.graphs import PT2, TORCHSCRIPT, FormatName, GraphFormat, least_bytes
from dragoman_export.manifest import Precision
from dragoman_export.precision.screen import SMALLEST_VOCABULARY
from dragoman_export.verification import attention_graph, packed_pairs
from tests.export import tiny
from tests.export.random_transformer import random_transformer
from tests.exports import Exports

FORMATS: dict[FormatName, GraphFormat] = {"torchscript": TORCHSCRIPT, "pt2": PT2}

BUNDLES: list[tuple[FormatName, Precision]] = [
    ("torchscript", "float32"),
    ("torchscript", "float16"),
    ("torchscript", "bfloat16"),
    ("pt2", "float32"),
    ("pt2", "bfloat16"),
]


class Bundle:
    """One that was exported, and what it says of itself."""

    def __init__(self, path: Path, made: FormatName, precision: Precision) -> None:
        self.path, self.format, self.precision = path, FORMATS[made], precision
        content = (path / "bundle.json").read_text()
        self.manifest = json_format.Parse(content, bundle_pb2.Manifest())


@pytest.fixture(scope="module", params=BUNDLES, ids="-".join)
def made(request: pytest.FixtureRequest, checkpoint: Path, exports: Exports) -> Bundle:
    graph_format, precision = request.param

    def make(path: Path) -> None:
        wanted = tiny.request(checkpoint, path, precision, attention=True)
        export(dataclasses.replace(wanted, format=graph_format), tiny.no_progress)

    path = exports.get(f"tiny-{graph_format}-{precision}", make)
    return Bundle(path, graph_format, precision)


def test_the_manifest_says_the_format_and_what_it_is_for(made: Bundle) -> None:
    manifest, config = made.manifest, made.format
    assert (manifest.format, manifest.precision) == (config.name, made.precision)
    assert list(manifest.providers) == ["cuda", "cpu"]
    assert manifest.format_version == 7
    assert not manifest.HasField("copy")
    assert manifest.candidate_count == 0
    assert manifest.activation_scales == ""
    assert manifest.parity.measured_with == "torch"
    assert manifest.parity.sentence_count == len(tiny.SENTENCES)
    assert "torch" in manifest.provenance.tool_versions
    graphs = {manifest.encoder.path, manifest.decoder.path, manifest.attention.path}
    suffix = config.suffix
    assert graphs == {f"encoder{suffix}", f"decoder{suffix}", f"attention{suffix}"}
    tokenizer = {"tokenizer/source.spm", "tokenizer/target.spm", "tokenizer/vocab.json"}
    assert {file.path for file in manifest.files} == graphs | tokenizer


def test_the_manifest_has_the_graphs_contracts(made: Bundle) -> None:
    manifest = made.manifest
    kept = {"float32": "float"}.get(made.precision, made.precision)
    names = ["token_ids", "positions", "target_mask", "source_mask"]
    assert [tensor.name for tensor in manifest.encoder.inputs] == ["token_ids", "source_mask"]
    assert [tensor.name for tensor in manifest.decoder.inputs][:4] == names
    caches = list(manifest.decoder.inputs)[4:]
    kinds = ("self_key", "self_value", "cross_key", "cross_value")
    assert [each.name for each in caches] == [f"{kind}_{n}" for n in range(2) for kind in kinds]
    assert {cache.data_type for cache in caches} == {kept}
    assert [(each.name, each.data_type) for each in manifest.decoder.outputs] == [
        ("logits", "float")
    ]


def test_heads_that_align_are_chosen_with_the_bundles_own_graph(
    made: Bundle, checkpoint: Path, float32_bundle: Path
) -> None:
    heads = made.manifest.alignment_heads
    assert heads.chosen_by == "model_1"
    assert 0 < heads.figure <= 1
    of_onnx = json_format.Parse((float32_bundle / "bundle.json").read_text(), bundle_pb2.Manifest())
    if made.precision == "float32":
        expected = of_onnx.alignment_heads
        assert (heads.layer, heads.heads) == (expected.layer, expected.heads)
        assert heads.figure == pytest.approx(expected.figure, abs=1e-5)
    config = import_model(checkpoint).config
    graph = attention_graph(made.path, made.format, config)
    names = [tensor.name for tensor in made.manifest.attention.outputs]
    for weights in graph.run(names, packed_pairs([[7, 0], [5, 9, 4, 0]], [[1, 8, 13], [1]])):
        assert weights.dtype == np.float32
        np.testing.assert_allclose(weights[1, :, 0].sum(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("graph_format", FORMATS)
def test_int8_is_refused_with_what_has_it(
    checkpoint: Path, tmp_path: Path, graph_format: FormatName
) -> None:
    request = tiny.request(checkpoint, tmp_path / "bundle", "int8")
    with pytest.raises(UsageError, match=r"float32, float16 or bfloat16, .* --format onnx has"):
        export(dataclasses.replace(request, format=graph_format), tiny.no_progress)
    assert not list(tmp_path.iterdir())


def test_a_graph_that_says_something_else_is_refused(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "dragoman_export.network.plain.additive",
        lambda mask, like: like.new_zeros(()).expand(mask.shape).clone(),  # hides nothing
    )
    request = dataclasses.replace(
        tiny.request(checkpoint, tmp_path / "bundle"), format="torchscript"
    )
    with pytest.raises(VerificationError, match="differ from the checkpoint's own translation"):
        export(request, tiny.no_progress)
    assert not list(tmp_path.iterdir())


def test_without_attention_there_is_no_graph_of_it(checkpoint: Path, tmp_path: Path) -> None:
    output = tmp_path / "bundle"
    request = dataclasses.replace(tiny.request(checkpoint, output), format="torchscript")
    manifest = export(request, tiny.no_progress)
    assert not manifest.HasField("attention")
    assert not manifest.HasField("alignment_heads")
    assert sorted(path.name for path in output.glob("*.pt")) == ["decoder.pt", "encoder.pt"]


def test_a_bundle_takes_at_least_what_is_said(made: Bundle, checkpoint: Path) -> None:
    request = dataclasses.replace(
        tiny.request(checkpoint, Path(), attention=True), format=made.format.name
    )
    model, _ = load(request)
    graphs = [made.path / made.format.file(each) for each in ("encoder", "decoder", "attention")]
    size = sum(graph.stat().st_size for graph in graphs)
    assert size / 4 < request.least_bytes(model, made.precision) < size


def test_the_int8_copy_of_an_output_projection_counts_where_there_is_one(checkpoint: Path) -> None:
    request = tiny.request(checkpoint, Path())
    model, _ = load(request)
    large = model.with_transformer(random_transformer("relative", SMALLEST_VOCABULARY))
    numbers = large.blueprint.parameters
    copy = SMALLEST_VOCABULARY * large.config.model_dim
    plain = dataclasses.replace(request, format="torchscript", attention=False)
    assert request.least_bytes(large, "float32") == 4 * numbers + copy
    assert request.least_bytes(large, "int8") == numbers
    assert plain.least_bytes(large, "float32") == least_bytes(
        TORCHSCRIPT, large.config, numbers, "float32", with_attention=False
    )


@pytest.fixture
def small_files() -> Iterator[None]:
    """Lets no file grow beyond what a tokenizer takes: graphs do not fit."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.mark.usefixtures("small_files")
def test_a_file_that_cannot_grow_is_said_and_leaves_nothing(
    checkpoint: Path, tmp_path: Path
) -> None:
    request = tiny.request(checkpoint, tmp_path / "bundle")
    with pytest.raises(UsageError, match=r"cannot be written: .*File too large"):
        export(dataclasses.replace(request, format="pt2"), tiny.no_progress)
    assert not list(tmp_path.iterdir())


def test_a_disk_that_fills_up_meanwhile_is_said_before_torchscript_is_written(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it is full PyTorch would end the process."""
    free = iter([10**9, 10**5])
    monkeypatch.setattr(
        shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**9, 0, next(free))
    )
    request = tiny.request(checkpoint, tmp_path / "bundle")
    with pytest.raises(UsageError, match=r"cannot be written: .*No space left on device.*encoder"):
        export(dataclasses.replace(request, format="torchscript"), tiny.no_progress)
    assert not list(tmp_path.iterdir())


def test_the_command_says_the_format_and_that_torchscript_is_deprecated(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sentences = tmp_path / "sentences.txt"
    sentences.write_text("the cat\nwhere is the house by the river\n")
    output = tmp_path / "bundle"
    flags = ["--format", "torchscript", "--no-attention", "--sentences", str(sentences)]

    assert main([str(checkpoint), "--output", str(output), *flags]) == 0

    lines = capsys.readouterr().err.splitlines()
    (remark,) = (line for line in lines if "deprecated" in line)
    assert "since PyTorch 2.10 of 21 January 2026" in remark
    assert "--format pt2" in remark
    assert lines[-1].startswith(f"{output}: {checkpoint.name}, float32, torchscript, ")


@pytest.mark.parametrize(
    ("graph_format", "said", "remark"),
    [
        ("onnx", "onnx, for cpu", None),
        ("pt2", "pt2, for cuda, cpu", None),
        ("torchscript", "torchscript, for cuda, cpu", "TorchScript is deprecated"),
    ],
)
def test_a_check_says_what_the_bundle_would_be(
    checkpoint: Path,
    capsys: pytest.CaptureFixture[str],
    *,
    graph_format: str,
    said: str,
    remark: str | None,
) -> None:
    assert main([str(checkpoint), "--check", "--format", graph_format]) == 0
    told = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert told["format"] == said
    assert (remark is None) == ("remark" not in told)
    assert told.get("remark", "").startswith(remark or "")
    assert told["bundle"].endswith("in int8" if graph_format == "onnx" else "in float16")


def test_a_check_finds_what_does_not_go_together(
    checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(checkpoint), "--check", "--format", "pt2", "--precision", "int8"]) == 2
    assert "--format pt2 goes with" in capsys.readouterr().err
