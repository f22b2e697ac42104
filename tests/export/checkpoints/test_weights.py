"""Named tensors in one file or several, and weights that cannot be used."""

import argparse
import hashlib
import json
from pathlib import Path

import pytest
import safetensors.torch
import torch

from dragoman_export.checkpoints.weights import find_weights, read_state_dict, read_weights
from dragoman_export.errors import CheckpointError

FIRST, SECOND = {"a": torch.ones(2)}, {"b": torch.zeros(3, dtype=torch.bfloat16)}


def write(path: Path, tensors: dict[str, torch.Tensor]) -> None:
    if path.suffix == ".safetensors":
        safetensors.torch.save_file(tensors, path)
    else:
        torch.save(tensors, path)


def write_index(directory: Path, name: str, *parts: object) -> None:
    weight_map = {f"tensor{number}": part for number, part in enumerate(parts)}
    (directory / f"{name}.index.json").write_text(json.dumps({"weight_map": weight_map}))


@pytest.mark.parametrize("name", ["model.safetensors", "pytorch_model.bin"])
def test_several_files_are_read_as_one(tmp_path: Path, name: str) -> None:
    stem, _, suffix = name.partition(".")
    parts = [f"{stem}-0000{number}-of-00002.{suffix}" for number in (1, 2)]
    write_index(tmp_path, name, parts[1], parts[0], parts[1])
    for part, tensors in zip(parts, (FIRST, SECOND), strict=True):
        write(tmp_path / part, tensors)

    weights = read_weights(find_weights(tmp_path))

    assert {name: tensor.dtype for name, tensor in weights.tensors.items()} == {
        "a": torch.float32,
        "b": torch.bfloat16,
    }
    content = b"".join((tmp_path / part).read_bytes() for part in parts)
    assert weights.sha256 == hashlib.sha256(content).hexdigest()


def test_one_file_of_safetensors_comes_before_all_others(tmp_path: Path) -> None:
    write(tmp_path / "model.safetensors", FIRST)
    write(tmp_path / "pytorch_model.bin", SECOND)
    write_index(tmp_path, "model.safetensors", "gone")

    assert set(read_weights(find_weights(tmp_path)).tensors) == {"a"}


@pytest.mark.parametrize("parts", [(), ("../elsewhere",), ("/etc/passwd",), (3,), ("",)])
def test_an_index_names_files_beside_it(tmp_path: Path, parts: tuple[object, ...]) -> None:
    write_index(tmp_path, "model.safetensors", *parts)

    with pytest.raises(CheckpointError, match=r"index\.json has no weight_map of tensors to files"):
        find_weights(tmp_path)


def test_a_missing_part_is_named(tmp_path: Path) -> None:
    write_index(tmp_path, "model.safetensors", "model-1.safetensors")

    with pytest.raises(CheckpointError, match=r"cannot read .*model-1\.safetensors"):
        read_weights(find_weights(tmp_path))


@pytest.mark.parametrize("name", ["model.safetensors", "pytorch_model.bin"])
@pytest.mark.parametrize("kept", [0, 1, 9, 100, -1])
def test_a_file_that_was_cut_is_an_error(tmp_path: Path, name: str, kept: int) -> None:
    write(tmp_path / name, {"a": torch.ones(100)})
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:kept])

    with pytest.raises(CheckpointError, match=name):
        read_weights(find_weights(tmp_path))


@pytest.mark.parametrize(
    "content", [b"<html>", b"PK\x03\x04", b"\x80\x02.", b"\x80\x04\x95", b"\n"]
)
def test_what_is_no_pytorch_file_is_an_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "pytorch_model.bin").write_bytes(content)

    with pytest.raises(CheckpointError, match=r"pytorch_model\.bin"):
        read_weights(find_weights(tmp_path))


@pytest.mark.parametrize("content", [[torch.ones(2)], {}, {"step": 3}, {"state": FIRST}])
def test_a_file_without_named_tensors_is_an_error(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "pytorch_model.bin")

    with pytest.raises(CheckpointError, match="holds no named tensors"):
        read_weights(find_weights(tmp_path))


def test_all_tensors_that_are_no_numbers_are_named_at_once(tmp_path: Path) -> None:
    broken = {
        "nan": torch.tensor([1.0, torch.nan]),
        "infinite": torch.tensor([torch.inf]),
        "too_large": torch.tensor([1e300], dtype=torch.float64),
        "whole": torch.ones(2, dtype=torch.int8),
    }
    write(tmp_path / "model.safetensors", FIRST | broken)

    with pytest.raises(CheckpointError) as caught:
        read_weights(find_weights(tmp_path))

    message = str(caught.value)
    assert "whole holds int8; a floating-point type is needed" in message
    for name in ("nan", "infinite", "too_large"):
        assert f"{name} holds NaN or infinity" in message
    assert "  - a holds" not in message


def test_a_state_dict_lies_within_a_training(tmp_path: Path) -> None:
    file = tmp_path / "model.pt"
    torch.save({"epoch": 3, "state": {"ema": FIRST, "model": SECOND}, "lr": [0.1]}, file)

    assert set(read_state_dict(file, ["state", "model"]).tensors) == {"b"}
    assert (
        read_state_dict(file, ["state", "ema"]).sha256
        == hashlib.sha256(file.read_bytes()).hexdigest()
    )
    with pytest.raises(CheckpointError, match=r"holds no named tensors; .* in it: none"):
        read_state_dict(file, [])
    with pytest.raises(CheckpointError, match=r"holds no dict 'state\.best'; .*: 'ema', 'model'"):
        read_state_dict(file, ["state", "best"])


def test_what_is_ignored_of_a_state_dict_may_be_anything(tmp_path: Path) -> None:
    write(tmp_path / "model.safetensors", {**FIRST, "mask": torch.zeros(3, dtype=torch.bool)})

    with pytest.raises(CheckpointError, match="mask holds bool"):
        read_state_dict(tmp_path / "model.safetensors", [])
    assert set(read_state_dict(tmp_path / "model.safetensors", [], ["mask"]).tensors) == {"a"}


def test_whoever_saved_more_is_told_what_to_save(tmp_path: Path) -> None:
    for name, saved in (("module", torch.nn.Linear(2, 2)), ("options", argparse.Namespace(lr=1))):
        torch.save({"model": FIRST, name: saved}, tmp_path / "model.pt")
        with pytest.raises(CheckpointError) as raised:
            read_state_dict(tmp_path / "model.pt", ["model"])
        assert "holds more than tensors and is not loaded" in str(raised.value)
        assert "torch.save(model.state_dict(), 'model.pt')" in str(raised.value)
