"""From checkpoint to directory: complete and verified, or nothing at all."""

import codecs
import contextlib
import dataclasses
import hashlib
import json
import resource
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from google.protobuf import json_format

from dragoman.v1 import bundle_pb2
from dragoman_export import export as pipeline
from dragoman_export import workbench
from dragoman_export.errors import UsageError, VerificationError
from dragoman_export.export import export
from dragoman_export.families.positions import sinusoids
from dragoman_export.graphs import files as graph_files
from dragoman_export.manifest import Precision
from dragoman_export.precision.calibrate import Calibration, calibrate
from tests.export import tiny, tokenizers


def files(directory: Path) -> dict[str, bytes]:
    return {
        path.relative_to(directory).as_posix(): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file()
    }


def read_manifest(bundle: Path) -> bundle_pb2.Manifest:
    return json_format.Parse((bundle / "bundle.json").read_text(), bundle_pb2.Manifest())


def test_manifest_lists_every_file_with_its_size_and_hash(bundle: Path) -> None:
    contents = files(bundle)
    del contents["bundle.json"]

    manifest = read_manifest(bundle)

    assert {file.path: (file.size_bytes, file.sha256) for file in manifest.files} == {
        path: (len(content), hashlib.sha256(content).hexdigest())
        for path, content in contents.items()
    }


def test_manifest_describes_the_model(float32_bundle: Path, checkpoint: Path) -> None:
    manifest = read_manifest(float32_bundle)

    weights = (checkpoint / "model.safetensors").read_bytes()
    assert manifest.format_version == 7
    assert manifest.name == "tiny"
    assert manifest.precision == "float32"
    assert list(manifest.providers) == ["cpu"]
    assert manifest.architecture.family == "marian"
    assert (manifest.architecture.decoder_heads, manifest.architecture.head_dim) == (4, 8)
    assert [each.language_code for each in manifest.source_languages] == ["en"]
    assert [each.language_code for each in manifest.target_languages] == ["de"]
    assert manifest.decoding_defaults.max_decoding_length == 22
    assert manifest.special_tokens.unknown_id == 1
    assert list(manifest.special_tokens.suppressed_ids) == [
        manifest.architecture.vocabulary_size - 1
    ]
    assert manifest.provenance.weights_sha256 == hashlib.sha256(weights).hexdigest()
    assert {"torch", "onnxruntime", "dragoman"} <= set(manifest.provenance.tool_versions)
    assert manifest.parity.sentence_count == len(tiny.SENTENCES)
    assert manifest.parity.different_count == manifest.parity.tie_count
    limited = len(tiny.SENTENCES) * manifest.decoding_defaults.max_decoding_length
    assert manifest.parity.token_count < limited  # some came to an end of their own


def test_int8_differences_are_written_down(int8_bundle: Path) -> None:
    parity = read_manifest(int8_bundle).parity

    assert parity.sentence_count == len(tiny.SENTENCES)
    assert parity.token_count > parity.sentence_count
    assert 0 < parity.max_log_prob_difference < 10
    assert 0 < parity.mean_log_prob_difference < 0.2


def test_exporting_twice_gives_the_same_bytes(
    float32_bundle: Path, checkpoint: Path, tmp_path: Path
) -> None:
    """Those of int8 are below."""
    export(tiny.request(checkpoint, tmp_path / "again", attention=True), tiny.no_progress)

    assert files(tmp_path / "again") == files(float32_bundle)


def test_calibrated_scales_are_the_same_each_time(
    int8_bundle: Path, checkpoint: Path, tmp_path: Path
) -> None:
    """As `auto` takes them here, alone: of the other ones see what is said of the fallback."""
    assert read_manifest(int8_bundle).activation_scales == "calibrated"
    request = tiny.request(checkpoint, tmp_path / "again", "int8", attention=True)

    export(dataclasses.replace(request, activation_scales="calibrated"), tiny.no_progress)

    assert files(tmp_path / "again") == files(int8_bundle)


@pytest.fixture
def corrupted(float32_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets the exporter write right graphs with one stretch of weights turned around."""

    def write_corrupted(_graphs: object, directory: Path) -> None:
        for name in (graph_files.ENCODER, graph_files.DECODER, graph_files.WEIGHTS):
            shutil.copyfile(float32_bundle / name, directory / name)
        path = directory / graph_files.WEIGHTS
        content = bytearray(path.read_bytes())
        span = slice(len(content) // 2, len(content) // 2 + 4096)
        content[span] = bytes(byte ^ 0x80 for byte in content[span])
        path.write_bytes(content)

    monkeypatch.setattr(workbench, "trace", lambda *_, **__: None)
    monkeypatch.setattr(workbench, "write_graphs", write_corrupted)


@pytest.mark.usefixtures("corrupted")
def test_a_corrupted_graph_is_refused_and_nothing_is_written(
    checkpoint: Path, tmp_path: Path
) -> None:
    with pytest.raises(VerificationError, match="not written"):
        export(tiny.request(checkpoint, tmp_path / "bundle"), tiny.no_progress)

    assert not list(tmp_path.iterdir())


def test_a_tokenizer_that_makes_other_tokens_is_refused_and_nothing_is_written(
    checkpoint: Path, tmp_path: Path
) -> None:
    copy = tiny.copy_checkpoint(checkpoint, tmp_path / "copy")
    tokenizers.change_tokenizer(copy, eos_token="unused3")  # config.json has another end token
    with pytest.raises(VerificationError, match=r"becomes the tokens .* would translate something"):
        export(tiny.request(copy, tmp_path / "bundle"), tiny.no_progress)
    assert not (tmp_path / "bundle").exists()


@pytest.mark.usefixtures("corrupted")
def test_a_failed_export_leaves_the_bundle_that_was_there(checkpoint: Path, tmp_path: Path) -> None:
    output = tmp_path / "bundle"
    output.mkdir()
    (output / "bundle.json").write_text("the old one")
    request = dataclasses.replace(tiny.request(checkpoint, output), force=True)

    with pytest.raises(VerificationError):
        export(request, tiny.no_progress)

    assert files(tmp_path) == {"bundle/bundle.json": b"the old one"}


def test_an_occupied_output_is_refused_before_any_work(checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")

    def no_stage(what: str) -> contextlib.AbstractContextManager[None]:
        pytest.fail(f"{what} was begun")

    request = tiny.request(checkpoint, tmp_path)
    with pytest.raises(UsageError, match="--force"):
        export(request, no_stage)
    with pytest.raises(UsageError, match="no bundle"):
        export(dataclasses.replace(request, force=True), no_stage)


@pytest.mark.parametrize(
    ("precision", "room"), [("float32", 150_000), ("float16", 150_000), ("int8", 40_000)]
)
def test_a_disk_too_small_is_found_before_anything_is_translated(
    checkpoint: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    precision: Precision,
    room: int,
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(room, 0, room))
    monkeypatch.setattr(pipeline, "listen", lambda *_: pytest.fail("translated"))

    with pytest.raises(UsageError, match="no room for the bundle"):
        export(tiny.request(checkpoint, tmp_path / "bundle", precision), tiny.no_progress)

    assert not list(tmp_path.iterdir())


@pytest.fixture
def small_files() -> Iterator[None]:
    """Lets no file grow beyond what a graph takes: weights do not fit."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.mark.usefixtures("small_files")
def test_a_file_that_cannot_grow_during_the_work_is_said_and_leaves_nothing(
    checkpoint: Path, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=r"cannot be written: .*File too large"):
        export(tiny.request(checkpoint, tmp_path / "models" / "bundle"), tiny.no_progress)

    assert not list(tmp_path.iterdir())


def test_a_checkpoint_as_opus_mt_publishes_them_is_exported(
    swish_checkpoint: Path, tmp_path: Path
) -> None:
    """Pickled tensors under all their names, stored positions, one config file."""
    opus = tiny.copy_checkpoint(swish_checkpoint, tmp_path / "opus")
    tensors = safetensors.torch.load_file(opus / "model.safetensors")
    shared, positions = tensors["model.shared.weight"], sinusoids(64, 32)
    for side in ("encoder", "decoder"):
        tensors[f"model.{side}.embed_tokens.weight"] = shared
        tensors[f"model.{side}.embed_positions.weight"] = positions
    torch.save(tensors, opus / "pytorch_model.bin")
    (opus / "model.safetensors").unlink()
    generation = json.loads((opus / "generation_config.json").read_text())
    (opus / "generation_config.json").unlink()
    tiny.change_config(opus, **{name: generation[name] for name in ("bad_words_ids", "max_length")})

    manifest = export(tiny.request(opus, tmp_path / "bundle"), tiny.no_progress)

    assert manifest.parity.different_count == manifest.parity.tie_count
    assert manifest.decoding_defaults.max_decoding_length == 22
    assert len(manifest.special_tokens.suppressed_ids) == 1


@pytest.mark.parametrize("precision", ["float32", "int8", "float16"])
def test_heads_of_any_width_are_exported(
    narrow_checkpoint: Path, tmp_path: Path, precision: Precision
) -> None:
    """10 and 5, which no kernel takes: they are filled up, and nothing that is said changes."""
    request = tiny.request(narrow_checkpoint, tmp_path / "bundle", precision)

    manifest = export(request, tiny.no_progress)

    assert manifest.architecture.head_dim == 8
    assert manifest.architecture.model_dim == 20
    if precision == "float32":
        assert manifest.parity.different_count == manifest.parity.tie_count
        assert manifest.parity.mean_log_prob_difference < 1e-5


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_a_checkpoint_that_many_hands_have_touched_is_exported(
    swish_checkpoint: Path, tmp_path: Path, *, dtype: torch.dtype
) -> None:
    """16 bits with its positions, in two files; null, a list of one, a byte order mark."""
    touched = tiny.copy_checkpoint(swish_checkpoint, tmp_path / "touched")
    tensors = safetensors.torch.load_file(touched / "model.safetensors")
    for side in ("encoder", "decoder"):
        tensors[f"model.{side}.embed_positions.weight"] = sinusoids(64, 32)
    (touched / "model.safetensors").unlink()
    names = sorted(tensors)
    parts = {"one.bin": names[::2], "two.bin": names[1::2]}
    for part, chosen in parts.items():
        torch.save({name: tensors[name].to(dtype) for name in chosen}, touched / part)
    weight_map = {name: part for part, chosen in parts.items() for name in chosen}
    index = touched / "pytorch_model.bin.index.json"
    index.write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))
    null = {"tie_word_embeddings": None, "decoder_vocab_size": None, "normalize_embedding": None}
    tiny.change_config(touched, **null, dropout=None, eos_token_id=[0], num_hidden_layers=2)
    for name in ("config.json", "tokenizer_config.json", "generation_config.json"):
        (touched / name).write_bytes(codecs.BOM_UTF8 + (touched / name).read_bytes())

    manifest = export(tiny.request(touched, tmp_path / "bundle"), tiny.no_progress)

    assert manifest.name == "touched"
    assert manifest.parity.different_count == manifest.parity.tie_count
    assert manifest.parity.max_log_prob_difference < 1e-4
    assert len(manifest.special_tokens.suppressed_ids) == 1


def test_calibrated_scales_are_kept_where_they_cost_little(int8_bundle: Path) -> None:
    assert read_manifest(int8_bundle).activation_scales == "calibrated"


def test_per_row_scales_are_taken_where_asked_for(per_row_bundle: Path) -> None:
    assert read_manifest(per_row_bundle).activation_scales == "per_row"


def test_float32_has_no_activation_scales(float32_bundle: Path) -> None:
    manifest = read_manifest(float32_bundle)
    assert manifest.activation_scales == ""
    assert manifest.parity.mean_log_prob_difference < 1e-4


@pytest.fixture
def bad_calibration(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets the exporter believe that inputs are a fifth as large as they are."""

    def believe(*arguments: Any) -> Calibration:
        inputs, outputs = calibrate(*arguments)
        return Calibration({place: largest / 5 for place, largest in inputs.items()}, outputs)

    monkeypatch.setattr(workbench, "calibrate", believe)


@pytest.mark.usefixtures("bad_calibration")
def test_per_row_scales_are_the_fallback_and_it_is_said(
    checkpoint: Path, per_row_bundle: Path, tmp_path: Path
) -> None:
    stages = []

    def stage(what: str) -> contextlib.AbstractContextManager[None]:
        stages.append(what)
        return contextlib.nullcontext()

    manifest = export(tiny.request(checkpoint, tmp_path / "bundle", "int8"), stage)

    assert manifest.activation_scales == "per_row"
    assert stages[-2].startswith("take per_row (0.0")
    assert "and not calibrated (" in stages[-2]
    assert files(tmp_path / "bundle") == files(per_row_bundle)


@pytest.mark.usefixtures("bad_calibration")
def test_int8_that_costs_too_much_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    request = tiny.request(checkpoint, tmp_path / "bundle", "int8")

    with pytest.raises(VerificationError, match=r"differ by .* in the mean, 0\.2 is the most"):
        export(dataclasses.replace(request, activation_scales="calibrated"), tiny.no_progress)

    assert not list(tmp_path.iterdir())


def test_int8_needs_no_second_sentence(checkpoint: Path, tmp_path: Path) -> None:
    request = tiny.request(checkpoint, tmp_path / "bundle", "int8")
    one = dataclasses.replace(request, sentences=["the cat sat"], activation_scales="calibrated")

    assert export(one, tiny.no_progress).parity.sentence_count == 1


def test_activation_scales_are_an_option_of_int8(checkpoint: Path, tmp_path: Path) -> None:
    request = tiny.request(checkpoint, tmp_path / "bundle")
    with pytest.raises(UsageError, match="int8"):
        export(dataclasses.replace(request, activation_scales="calibrated"), tiny.no_progress)


def test_languages_must_be_known(checkpoint: Path, tmp_path: Path) -> None:
    nameless = tiny.copy_checkpoint(checkpoint, tmp_path / "nameless")
    (nameless / "tokenizer_config.json").unlink()

    with pytest.raises(UsageError, match="--source-language and --target-language"):
        export(tiny.request(nameless, tmp_path / "bundle"), tiny.no_progress)


def test_sentences_longer_than_the_model_are_refused(checkpoint: Path, tmp_path: Path) -> None:
    request = dataclasses.replace(
        tiny.request(checkpoint, tmp_path / "bundle"), sentences=["cat " * 80]
    )
    with pytest.raises(UsageError, match="at most 64 tokens"):
        export(request, tiny.no_progress)


def test_a_bundle_has_a_graph_of_attention_that_shares_all_weights(
    float32_bundle: Path, checkpoint: Path, tmp_path: Path
) -> None:
    manifest = export(tiny.request(checkpoint, tmp_path / "bundle"), tiny.no_progress)
    assert not manifest.HasField("attention")
    assert not manifest.HasField("alignment_heads")
    told = read_manifest(float32_bundle)
    assert told.attention.path == "attention.onnx"
    assert told.alignment_heads.chosen_by == "model_1"
    assert 0 < told.alignment_heads.figure < 1
    without, with_it = files(tmp_path / "bundle"), files(float32_bundle)
    assert set(with_it) - set(without) == {"attention.onnx"}
    assert {name for name in without if without[name] != with_it[name]} == {"bundle.json"}


def test_alignments_made_by_people_need_a_graph_to_choose_from(
    checkpoint: Path, tmp_path: Path
) -> None:
    request = tiny.request(checkpoint, tmp_path / "bundle")
    with pytest.raises(UsageError, match="--alignment-gold does not go with --no-attention"):
        export(dataclasses.replace(request, alignment_gold=tmp_path / "gold"), tiny.no_progress)
