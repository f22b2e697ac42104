"""Reading a checkpoint's files, and refusing those that hold more than data."""

import os
import pickle
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
