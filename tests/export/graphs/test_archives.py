"""A file that keeps what goes wrong until all is written."""

from pathlib import Path

import pytest

from dragoman_export.graphs.archives import steady_file


def test_what_is_written_is_there(tmp_path: Path) -> None:
    with steady_file(tmp_path / "file") as file:
        assert file.write(b"one ") == 4
        assert file.write(memoryview(b"two")) == 3
    assert (tmp_path / "file").read_bytes() == b"one two"


def test_a_full_disk_is_told_at_the_end_and_not_before() -> None:
    def write() -> None:
        with steady_file(Path("/dev/full")) as file:
            for _ in range(3):
                assert file.write(bytes(1 << 20)) == 1 << 20

    with pytest.raises(OSError, match="No space left on device"):
        write()


def test_a_file_that_cannot_be_opened_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), steady_file(tmp_path / "none" / "file"):
        pytest.fail("it was opened")
