"""What a bundle's shortlist says, and what is refused of one."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from dragoman.v1.bundle_pb2 import Manifest
from dragoman_server.errors import BundleError, ConfigError
from dragoman_server.models import Bundle, require_shortlist
from dragoman_server.models.manifest import problems_of
from dragoman_server.runtime.shortlist import Shortlist, load_shortlist

Change = Callable[[NDArray[Any]], NDArray[Any]]


@pytest.fixture
def copy(listed_bundle: Path, tmp_path: Path) -> Bundle:
    shutil.copytree(listed_bundle, tmp_path / "bundle")
    return Bundle.load(tmp_path / "bundle")


def test_a_list_has_what_is_frequent_what_is_likely_and_what_is_told() -> None:
    shortlist = Shortlist(
        np.zeros((9, 2), np.int8),
        np.zeros(9, np.float32),
        np.zeros(9, np.float32),
        np.array([0, 0, 2, 3]),
        np.array([7, 5, 3], np.int32),
        np.array([4, 0], np.int32),
    )
    assert shortlist.list_for([1, 2, 1]).tolist() == [0, 3, 4, 5, 7]
    assert shortlist.list_for([0], (8, 4)).tolist() == [0, 4, 8]


def test_a_bundles_lists_have_the_end_token_and_differ(listed_bundle: Path) -> None:
    bundle = Bundle.load(listed_bundle)
    shortlist = load_shortlist(bundle)
    lists = [shortlist.list_for([token]).tolist() for token in range(20)]
    assert all(bundle.manifest.special_tokens.end_id in each for each in lists)
    assert len({tuple(each) for each in lists}) > 10
    assert max(map(len, lists)) < 12


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("weights", lambda array: array[:20], "allowed: 265 rows or more, 32 wide"),
        ("weights", lambda array: array[:, :8], "32 wide"),
        (
            "weights",
            lambda array: array.view(np.uint8),
            "uint8 in 2 dimensions; allowed: int8 in 2",
        ),
        ("scales", lambda array: array[1:], "there are 383 scales; allowed: one for each row"),
        ("biases", lambda array: array[1:], "there are 383 biases"),
        ("offsets", lambda array: array[:-1], "there are 265 offsets; allowed: 266"),
        ("offsets", lambda array: array + 1, "do not rise from 0"),
        ("offsets", lambda array: array[::-1].copy(), "do not rise from 0"),
        ("tokens", lambda array: array[:-1], "do not rise from 0"),
        ("tokens", lambda array: array + 265, "tokens has ids beyond 0 to 264"),
        ("tokens", lambda array: array[None], "int32 in 2 dimensions; allowed: int32 in 1"),
        ("frequent", lambda array: array - 265, "frequent has ids beyond"),
        ("frequent", lambda array: array[array != 0], "frequent lacks the end token"),
    ],
)
def test_files_that_do_not_fit_are_refused(
    copy: Bundle, name: str, change: Change, message: str
) -> None:
    path = copy.path / f"shortlist/{name}.npy"
    np.save(path, change(np.load(path)))
    with pytest.raises(BundleError, match=message):
        load_shortlist(copy)


@pytest.mark.parametrize("content", [b"", b"no array", b"\x93NUMPY\x01\x00v\x00{"])
def test_a_file_that_is_no_array_is_named(copy: Bundle, content: bytes) -> None:
    (copy.path / "shortlist/tokens.npy").write_bytes(content)
    with pytest.raises(BundleError, match=r"tokens\.npy cannot be read"):
        load_shortlist(copy)


def test_pickles_are_not_run(copy: Bundle) -> None:
    np.save(copy.path / "shortlist/tokens.npy", np.array([print]), allow_pickle=True)
    with pytest.raises(BundleError, match="cannot be read"):
        load_shortlist(copy)


def test_who_asks_for_a_shortlist_must_have_one(listed_bundle: Path, int8_bundle: Path) -> None:
    require_shortlist(Bundle.load(listed_bundle).manifest, "cpu")
    with pytest.raises(ConfigError, match="bundle tiny has none: export it with"):
        require_shortlist(Bundle.load(int8_bundle).manifest, "cpu")
    with pytest.raises(ConfigError, match="provider cpu, and not with cuda"):
        require_shortlist(Bundle.load(listed_bundle).manifest, "cuda")


def changed(manifest: Manifest, change: Callable[[Manifest], object]) -> str:
    """What is wrong with it once it is changed."""
    assert problems_of(manifest) == []
    change(manifest)
    return "; ".join(problems_of(manifest))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda it: setattr(it.shortlist, "tokens_path", "../x"), "which leaves the bundle"),
        (lambda it: setattr(it, "precision", "float32"), "onnx in 'float32'; allowed: onnx in"),
        (lambda it: it.shortlist.decoder.inputs.pop(), "inputs are not those of decoder.inputs"),
        (lambda it: it.shortlist.decoder.outputs.pop(), "outputs are not those of decoder.outputs"),
        (lambda it: it.shortlist.ClearField("decoder"), "inputs are not those of decoder.inputs"),
    ],
)
def test_a_manifest_whose_step_with_lists_is_another_is_refused(
    listed_bundle: Path, change: Callable[[Manifest], object], message: str
) -> None:
    assert message in changed(Bundle.load(listed_bundle).manifest, change)


def test_a_file_that_is_used_must_be_listed(copy: Bundle) -> None:
    path = copy.path / "bundle.json"
    path.write_text(path.read_text().replace("shortlist/tokens.npy", "shortlist/none.npy", 1))
    with pytest.raises(BundleError, match=r"none\.npy"):
        Bundle.load(copy.path)
