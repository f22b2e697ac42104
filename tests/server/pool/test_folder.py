"""What a directory of bundles has."""

import os
from pathlib import Path

import pytest

from dragoman_server.errors import BundleError, ConfigError
from dragoman_server.pool.folder import MOST_FILES, find_bundle, find_bundles


def bundle(path: Path, contents: str = "{}") -> Path:
    path.mkdir(parents=True)
    (path / "bundle.json").write_text(contents)
    (path / "tokenizer").mkdir()
    (path / "tokenizer" / "source.spm").write_text("pieces")
    return path


def test_directories_with_a_manifest_are_bundles(tmp_path: Path) -> None:
    bundle(tmp_path / "b@2")
    bundle(tmp_path / "a")
    bundle(tmp_path / ".being-written")
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").write_text("")
    found = find_bundles(tmp_path)
    assert [(each.label, each.version) for each in found] == [("a", None), ("b@2", "2")]
    assert found[0].source.path == (tmp_path / "a").resolve()


def test_a_link_is_what_it_points_to(tmp_path: Path) -> None:
    target = bundle(tmp_path / "en-de@1")
    (tmp_path / "en-de").symlink_to(target.name)
    plain, versioned = find_bundles(tmp_path)
    assert plain.label == "en-de"
    assert plain.source == versioned.source


def test_a_file_that_is_another_makes_another_bundle(tmp_path: Path) -> None:
    path = bundle(tmp_path / "a")
    before = find_bundle(path)
    assert find_bundle(path) == before
    (path / "tokenizer" / "source.spm").write_text("others")
    assert find_bundle(path) != before


def test_one_in_the_place_of_another_is_another(tmp_path: Path) -> None:
    path = bundle(tmp_path / "a")
    before = find_bundle(path)
    bundle(tmp_path / ".new")
    path.rename(tmp_path / ".old")
    (tmp_path / ".new").rename(path)
    assert find_bundle(path) != before


def test_a_link_that_is_switched_is_another(tmp_path: Path) -> None:
    for name in ("a@1", "a@2"):
        bundle(tmp_path / name)
    link = tmp_path / "a"
    link.symlink_to("a@1")
    before = find_bundle(link)
    (tmp_path / ".link").symlink_to("a@2")
    (tmp_path / ".link").rename(link)
    assert find_bundle(link).source.path.name == "a@2" != before.source.path.name


def test_what_is_no_bundle_is_told(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"no bundle at .*: No such file or directory"):
        find_bundle(tmp_path / "nowhere")
    with pytest.raises(BundleError, match=r"it has no bundle\.json"):
        find_bundle(tmp_path)
    (tmp_path / "circle").symlink_to("circle")
    with pytest.raises(BundleError, match="no bundle at"):
        find_bundle(tmp_path / "circle")
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        find_bundles(tmp_path / "nowhere")


def test_a_directory_of_very_many_files_is_not_looked_through(tmp_path: Path) -> None:
    path = bundle(tmp_path / "a")
    for number in range(MOST_FILES):
        os.close(os.open(path / str(number), os.O_CREAT))
    with pytest.raises(BundleError, match="more than 1,000 files"):
        find_bundle(path)
