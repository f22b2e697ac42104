"""A bundle's directory appears complete or not at all."""

import errno
from pathlib import Path

import pytest

from dragoman_export.bundle import staged
from dragoman_export.errors import UsageError

CHECKPOINT = Path("checkpoint")


def test_nothing_appears_before_the_end(tmp_path: Path) -> None:
    output = tmp_path / "models" / "bundle"

    with staged(output, checkpoint=CHECKPOINT, force=False) as directory:
        (directory / "bundle.json").write_text("new")
        assert not output.exists()

    assert (output / "bundle.json").read_text() == "new"
    assert list(output.parent.iterdir()) == [output]


@pytest.mark.parametrize("output", ["bundle", "models/of/mine/bundle"])
def test_a_failure_leaves_nothing(tmp_path: Path, output: str) -> None:
    def fail() -> None:
        with staged(tmp_path / output, checkpoint=CHECKPOINT, force=False) as directory:
            (directory / "bundle.json").write_text("new")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()

    assert not list(tmp_path.iterdir())


def test_a_disk_that_fills_up_is_said_and_leaves_what_was_there(tmp_path: Path) -> None:
    output = tmp_path / "bundle"
    output.mkdir()
    (output / "bundle.json").write_text("old")

    def fill_up() -> None:
        with staged(output, checkpoint=CHECKPOINT, force=True) as directory:
            (directory / "weights.bin").write_text("new")
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(UsageError, match=r"bundle cannot be written: .*No space left"):
        fill_up()

    assert [path.name for path in tmp_path.rglob("*")] == ["bundle", "bundle.json"]
    assert (output / "bundle.json").read_text() == "old"


def test_force_replaces_a_bundle_with_all_its_files(tmp_path: Path) -> None:
    output = tmp_path / "bundle"
    output.mkdir()
    (output / "bundle.json").write_text("old")
    (output / "extra").write_text("old")

    with staged(output, checkpoint=CHECKPOINT, force=True) as directory:
        (directory / "bundle.json").write_text("new")

    assert [path.name for path in tmp_path.rglob("*")] == ["bundle", "bundle.json"]
    assert (output / "bundle.json").read_text() == "new"


def test_an_empty_directory_is_taken(tmp_path: Path) -> None:
    for _ in range(2):
        with staged(tmp_path / "empty", checkpoint=CHECKPOINT, force=False):
            pass

    assert [path.name for path in tmp_path.iterdir()] == ["empty"]


def test_a_link_to_a_directory_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")

    with staged(tmp_path / "link", checkpoint=CHECKPOINT, force=False) as directory:
        (directory / "bundle.json").write_text("new")

    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real" / "bundle.json").read_text() == "new"
