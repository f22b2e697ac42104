"""Where a bundle may be written, and what is said where it may not."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from dragoman_export.bundle import staged
from dragoman_export.errors import UsageError
from dragoman_export.output import require_room

NOBODY = 65534


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a checkpoint, a file, links and a bundle that holds a checkpoint."""
    monkeypatch.chdir(tmp_path)
    for directory in ("checkpoint", "bundle/checkpoint", "here"):
        Path(directory).mkdir(parents=True)
    for file in ("file", "bundle/bundle.json", "checkpoint/bundle.json"):
        Path(file).write_text("mine")
    Path("dangling").symlink_to("nowhere")
    Path("loop").symlink_to("loop")
    Path("into").symlink_to("checkpoint")
    return tmp_path


def files(directory: Path) -> list[str]:
    return sorted(str(path) for path in directory.rglob("*"))


@pytest.mark.parametrize(
    ("output", "checkpoint", "message"),
    [
        ("file", "checkpoint", "output file is not a directory"),
        ("file/bundle", "checkpoint", "file is not a directory"),
        ("file/a/bundle", "checkpoint", "file is not a directory"),
        ("dangling", "checkpoint", "is a link to nowhere, which is not there"),
        ("loop", "checkpoint", "is a link to loop, which is not there"),
        ("loop/bundle", "checkpoint", "cannot be written"),
        ("x" * 300, "checkpoint", "cannot be written: .*too long"),
        ("/proc/bundle", "checkpoint", "cannot be written"),
        ("/proc", "checkpoint", "not empty|no bundle"),
        ("checkpoint", "checkpoint", "is the checkpoint's own directory"),
        ("checkpoint/.", "checkpoint", "is the checkpoint's own directory"),
        ("into", "checkpoint", "is the checkpoint's own directory"),
        ("checkpoint/bundle", "checkpoint", "lies inside the checkpoint"),
        ("into/a/bundle", "checkpoint", "lies inside the checkpoint"),
        ("here/../checkpoint/a", "checkpoint", "lies inside the checkpoint"),
        ("bundle", "bundle/checkpoint", "holds the checkpoint"),
    ],
)
def test_what_cannot_be_written_is_said_before_any_work(
    place: Path, output: str, checkpoint: str, message: str
) -> None:
    before = files(place)

    with (
        pytest.raises(UsageError, match=message),
        staged(Path(output), checkpoint=Path(checkpoint), force=True),
    ):
        pytest.fail("work was begun")

    assert files(place) == before


def test_the_current_directory_is_not_replaced(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place / "here")

    with (
        pytest.raises(UsageError, match="current directory"),
        staged(Path(), checkpoint=place / "checkpoint", force=False),
    ):
        pytest.fail("work was begun")


@pytest.fixture
def nobodys() -> Iterator[Path]:
    """A directory of an unprivileged user, whom the test then runs as."""
    directory, user = Path(tempfile.mkdtemp()), os.geteuid()
    if user == 0:
        os.chown(directory, NOBODY, NOBODY)
        os.seteuid(NOBODY)
    yield directory
    os.seteuid(user)
    shutil.rmtree(directory)


@pytest.mark.parametrize("output", ["here", "here/bundle", "here/models/bundle"])
def test_a_directory_without_permission_is_refused(nobodys: Path, output: str) -> None:
    (nobodys / "here").mkdir(mode=0o500)

    with (
        pytest.raises(UsageError, match=r"[Pp]ermission"),
        staged(nobodys / output, checkpoint=nobodys / "checkpoint", force=False),
    ):
        pytest.fail("work was begun")

    assert not list((nobodys / "here").iterdir())


def test_a_directory_that_cannot_be_looked_into_is_refused(nobodys: Path) -> None:
    (nobodys / "closed").mkdir(mode=0)

    with (
        pytest.raises(UsageError, match=r"[Pp]ermission"),
        staged(nobodys / "closed/bundle", checkpoint=nobodys / "checkpoint", force=False),
    ):
        pytest.fail("work was begun")


def test_a_full_disk_is_found_before_any_work(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk still makes directories; it has no room for what is in a file."""

    def no_room(path: Path, _content: bytes) -> int:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(Path, "write_bytes", no_room)

    with (
        pytest.raises(UsageError, match="No space left"),
        staged(place / "new", checkpoint=place / "checkpoint", force=False),
    ):
        pytest.fail("work was begun")

    assert not (place / "new").exists()


def test_room_is_asked_for_before_it_is_needed(tmp_path: Path) -> None:
    free = shutil.disk_usage(tmp_path).free

    require_room(tmp_path, free // 2)
    with pytest.raises(UsageError, match=r"at least \d+ MB, and \d+ MB are free"):
        require_room(tmp_path, free * 2)
