"""What is mapped of a file stays as it was, whatever becomes of the file."""

import mmap
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from dragoman_server.models.private_copy import detach, mappings_of

PAGE = mmap.PAGESIZE
CONTENT = b"".join(bytes([65 + page]) * PAGE for page in range(8)) + b"the end"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "weights.bin"
    path.write_bytes(CONTENT)
    return path


@pytest.fixture
def mapped(file: Path) -> Iterator[list[mmap.mmap]]:
    """As onnxruntime maps: parts, some of them twice, privately."""
    maps = []
    with file.open("rb") as source:
        for offset, length in ((0, 2 * PAGE), (0, 2 * PAGE), (5 * PAGE, 0)):
            maps.append(
                mmap.mmap(
                    source.fileno(),
                    length,
                    flags=mmap.MAP_PRIVATE,
                    prot=mmap.PROT_READ | mmap.PROT_WRITE,
                    offset=offset,
                )
            )
    yield maps
    for each in maps:
        each.close()


def test_overwriting_and_truncating_the_file_changes_nothing(
    file: Path, mapped: list[mmap.mmap]
) -> None:
    assert len(list(mappings_of(file))) == 3
    detach(file)
    assert list(mappings_of(file)) == []
    with file.open("r+b") as overwritten:
        overwritten.write(bytes(len(CONTENT)))
    os.truncate(file, 0)
    first, again, last = (part[:] for part in mapped)
    assert first == again == CONTENT[: 2 * PAGE]
    assert last == CONTENT[5 * PAGE :]


def test_a_renamed_file_is_told_from_another_of_its_old_name(
    file: Path, mapped: list[mmap.mmap]
) -> None:
    file.rename(file.with_name("other.bin"))
    assert list(mappings_of(file)) == []
    assert len(list(mappings_of(file.with_name("other.bin")))) == len(mapped)


def test_what_is_not_mapped_takes_no_memory(file: Path) -> None:
    assert detach(file) == 0
