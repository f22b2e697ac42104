"""A bundle's directory appears complete or not at all."""

from pathlib import Path

import pytest

from dragoman_export.bundle import staged
from dragoman_export.errors import UsageError


def test_nothing_appears_before_the_end(tmp_path: Path) -> None:
    output = tmp_path / "models" / "bundle"

    with staged(output, force=False) as directory:
        (directory / "bundle.json").write_text("new")
        assert not output.exists()

    assert (output / "bundle.json").read_text() == "new"
    assert list(output.parent.iterdir()) == [output]


def test_a_failure_leaves_nothing(tmp_path: Path) -> None:
    def fail() -> None:
        with staged(tmp_path / "bundle", force=False) as directory:
            (directory / "bundle.json").write_text("new")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()

    assert not list(tmp_path.iterdir())


def test_force_replaces_a_bundle_with_all_its_files(tmp_path: Path) -> None:
    output = tmp_path / "bundle"
    output.mkdir()
    (output / "bundle.json").write_text("old")
    (output / "extra").write_text("old")

    with staged(output, force=True) as directory:
        (directory / "bundle.json").write_text("new")

    assert [path.name for path in output.iterdir()] == ["bundle.json"]
    assert (output / "bundle.json").read_text() == "new"


def test_an_empty_directory_is_taken_and_a_file_refused(tmp_path: Path) -> None:
    with staged(tmp_path / "empty", force=False):
        pass
    with staged(tmp_path / "empty", force=False):
        pass

    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="not a directory"), staged(tmp_path / "file", force=True):
        pytest.fail("a file was taken for a bundle")
