import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dragoman_server.errors import BundleError
from dragoman_server.models.bundle import Bundle


@pytest.fixture
def copy(float32_bundle: Path, tmp_path: Path) -> Path:
    """A bundle to damage."""
    return Path(shutil.copytree(float32_bundle, tmp_path / "bundle"))


def edit_manifest(bundle: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    manifest = json.loads((bundle / "bundle.json").read_text())
    edit(manifest)
    (bundle / "bundle.json").write_text(json.dumps(manifest))


def test_a_good_bundle_loads(copy: Path) -> None:
    assert Bundle.load(copy).manifest.architecture.family == "marian"


def test_a_flipped_bit_is_found(copy: Path) -> None:
    weights = bytearray((copy / "weights.bin").read_bytes())
    weights[len(weights) // 2] ^= 1
    (copy / "weights.bin").write_bytes(weights)
    with pytest.raises(BundleError, match=r"weights\.bin has SHA-256 .*, the manifest says"):
        Bundle.load(copy)


def test_a_truncated_file_is_found(copy: Path) -> None:
    with (copy / "weights.bin").open("r+b") as file:
        file.truncate(1000)
    with pytest.raises(BundleError, match=r"weights\.bin has 1000 bytes, the manifest says"):
        Bundle.load(copy)


def test_a_missing_file_is_named(copy: Path) -> None:
    (copy / "decoder.onnx").unlink()
    with pytest.raises(BundleError, match=r"decoder\.onnx cannot be read: No such file"):
        Bundle.load(copy)


@pytest.mark.parametrize("missing", ["directory", "manifest"])
def test_no_bundle_is_said_so(tmp_path: Path, missing: str) -> None:
    path = tmp_path / "nothing" if missing == "directory" else tmp_path
    with pytest.raises(BundleError, match="no bundle at"):
        Bundle.load(path)


def test_a_manifest_that_is_not_json_is_refused(copy: Path) -> None:
    (copy / "bundle.json").write_text("{")
    with pytest.raises(BundleError, match=r"bundle\.json cannot be read"):
        Bundle.load(copy)


def test_an_unknown_key_is_an_error(copy: Path) -> None:
    edit_manifest(copy, lambda manifest: manifest.update(colour="red"))
    with pytest.raises(BundleError, match="colour"):
        Bundle.load(copy)


def test_another_format_version_is_refused(copy: Path) -> None:
    edit_manifest(copy, lambda manifest: manifest.update(format_version=1))
    with pytest.raises(BundleError, match="format version 1, this server reads 5 and 6"):
        Bundle.load(copy)


@pytest.mark.parametrize("path", ["../outside", "/etc/passwd"])
def test_a_file_outside_the_bundle_is_refused(copy: Path, path: str) -> None:
    edit_manifest(copy, lambda manifest: manifest["files"][0].update(path=path))
    with pytest.raises(BundleError, match="leaves the bundle"):
        Bundle.load(copy)


def test_a_bundle_for_cuda_without_its_copy_graph_is_refused(copy: Path) -> None:
    edit_manifest(copy, lambda manifest: manifest.update(providers=["cuda"]))
    with pytest.raises(BundleError, match=r"copy\.path is ''"):
        Bundle.load(copy)


def test_a_graph_without_a_hash_is_refused(copy: Path) -> None:
    edit_manifest(copy, lambda manifest: manifest["encoder"].update(path="other.onnx"))
    with pytest.raises(BundleError, match=r"'other\.onnx' is used but not in `files`"):
        Bundle.load(copy)


def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(copy: Path) -> None:
    (copy / "weights.bin").unlink()
    os.mkfifo(copy / "weights.bin")
    with pytest.raises(BundleError, match=r"weights\.bin is not a file"):
        Bundle.load(copy)


@pytest.mark.parametrize("change", ["overwritten", "replaced", "removed"])
def test_a_file_that_changes_while_the_bundle_is_loaded_is_found(copy: Path, change: str) -> None:
    bundle = Bundle.load(copy)
    bundle.check_unchanged()
    weights = copy / "weights.bin"
    if change == "overwritten":
        with weights.open("r+b") as file:
            file.write(b"x")
        os.utime(weights, ns=(0, 0))
    elif change == "replaced":
        shutil.copy2(weights, copy / "new")
        (copy / "new").rename(weights)
    else:
        weights.unlink()
    assert bundle.changed_files() == ["weights.bin"]
    with pytest.raises(BundleError, match=r"weights\.bin changed while being loaded"):
        bundle.detach()
