"""Reading a checkpoint's files, and refusing those that hold more than data."""

import codecs
import os
import pickle
import re
from pathlib import Path

import pytest
import safetensors.torch
import torch

from dragoman_export.checkpoints.checkpoint import read_checkpoint
from dragoman_export.errors import CheckpointError
from tests.export import tiny


class Malicious:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.marker),)


@pytest.fixture
def copy(checkpoint: Path, tmp_path: Path) -> Path:
    return tiny.copy_checkpoint(checkpoint, tmp_path / "copy")


def test_pytorch_weights_are_read_as_data(copy: Path) -> None:
    expected = read_checkpoint(copy)
    file = copy / "model.safetensors"
    torch.save(safetensors.torch.load_file(file), copy / "pytorch_model.bin")
    file.unlink()

    found = read_checkpoint(copy)

    assert found.tensors.keys() == expected.tensors.keys()
    assert all(torch.equal(found.tensors[name], t) for name, t in expected.tensors.items())


@pytest.mark.parametrize("legacy", [False, True])
def test_a_pickle_that_runs_code_is_refused(copy: Path, tmp_path: Path, *, legacy: bool) -> None:
    (copy / "model.safetensors").unlink()
    marker, weights = tmp_path / "marker", copy / "pytorch_model.bin"
    if legacy:
        weights.write_bytes(pickle.dumps({"weight": Malicious(marker)}))
    else:
        torch.save({"weight": Malicious(marker)}, weights)

    with pytest.raises(CheckpointError, match="more than tensors"):
        read_checkpoint(copy)

    assert not marker.exists()


def test_missing_and_damaged_files_are_named(copy: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="nowhere is not a directory"):
        read_checkpoint(tmp_path / "nowhere")

    (copy / "model.safetensors").write_bytes(b"not tensors")
    with pytest.raises(CheckpointError, match=r"cannot read .*model\.safetensors"):
        read_checkpoint(copy)

    (copy / "model.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"none of model\.safetensors, pytorch_model\.bin"):
        read_checkpoint(copy)


def test_a_config_that_is_no_json_object_is_named(copy: Path) -> None:
    (copy / "config.json").write_text("[]")
    with pytest.raises(CheckpointError, match=r"config\.json holds no JSON object"):
        read_checkpoint(copy)

    (copy / "config.json").write_text("{")
    with pytest.raises(CheckpointError, match=r"cannot read .*config\.json"):
        read_checkpoint(copy)


@pytest.mark.parametrize("name", ["config.json", "generation_config.json", "tokenizer_config.json"])
@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe{\x00}\x00", b'{"a": "\xe4"}', b"[" * 100_000, b"{} {}", b"null"]
)
def test_settings_that_are_no_json_object_in_utf_8_are_named(
    copy: Path, name: str, content: bytes
) -> None:
    (copy / name).write_bytes(content)

    with pytest.raises(CheckpointError, match=re.escape(name)):
        read_checkpoint(copy)


@pytest.mark.parametrize(
    "name", ["config.json", "generation_config.json", "tokenizer_config.json", "model.safetensors"]
)
def test_what_is_there_and_is_no_file_is_named(copy: Path, name: str) -> None:
    """A directory, or a link into a cache that has lost the file: neither counts as absent."""
    (copy / name).unlink()
    (copy / name).mkdir()
    with pytest.raises(CheckpointError, match=re.escape(name)):
        read_checkpoint(copy)

    (copy / name).rmdir()
    (copy / name).symlink_to("../../blobs/gone")
    with pytest.raises(CheckpointError, match=re.escape(name)):
        read_checkpoint(copy)


def test_a_repository_in_the_hubs_cache_says_where_its_checkpoint_is(
    checkpoint: Path, tmp_path: Path
) -> None:
    repository = tmp_path / "models--Helsinki-NLP--opus-mt-en-de"
    tiny.copy_checkpoint(checkpoint, repository / "snapshots" / "6183067f")

    with pytest.raises(CheckpointError, match=r"its checkpoint is \S+/snapshots/6183067f"):
        read_checkpoint(repository)

    assert read_checkpoint(repository / "snapshots" / "6183067f").tensors


def test_a_byte_order_mark_before_settings_means_nothing(copy: Path) -> None:
    expected = read_checkpoint(copy).config
    (copy / "config.json").write_bytes(codecs.BOM_UTF8 + (copy / "config.json").read_bytes())

    assert read_checkpoint(copy).config == expected


POINTER = b"version https://git-lfs.example/spec/v1\noid sha256:00\nsize 298763417\n"


@pytest.mark.parametrize(
    "name",
    [
        "config.json",
        "generation_config.json",
        "tokenizer_config.json",
        "vocab.json",
        "source.spm",
        "target.spm",
        "model.safetensors",
    ],
)
def test_what_git_lfs_has_not_fetched_is_named(copy: Path, name: str) -> None:
    (copy / name).write_bytes(POINTER)

    with pytest.raises(CheckpointError, match=rf"pointer of git-lfs: \S+/{name}; run git lfs pull"):
        read_checkpoint(copy)


def test_all_that_git_lfs_has_not_fetched_is_named_at_once(copy: Path) -> None:
    (copy / "model.safetensors").rename(copy / "pytorch_model.bin")
    for name in ("pytorch_model.bin", "source.spm", "target.spm"):
        (copy / name).write_bytes(POINTER)

    with pytest.raises(CheckpointError, match=r"source\.spm.*target\.spm.*pytorch_model\.bin"):
        read_checkpoint(copy)


def test_other_weights_than_those_that_are_read_may_be_pointers(copy: Path) -> None:
    for name in ("pytorch_model.bin", "tf_model.h5"):
        (copy / name).write_bytes(POINTER)

    assert read_checkpoint(copy).tensors
