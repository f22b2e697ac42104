import io
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.commands.lines import Line, read_lines
from dragoman.corpora.errors import JobError
from dragoman.corpora.storage import shards
from dragoman.corpora.storage.inputs import Input
from dragoman.corpora.storage.shards import Cut, CutFile, Shard, cut_files, read_shard


def cut(path: Path, content: bytes, size: Cut) -> CutFile:
    path.write_bytes(content)
    return cut_files([Input(path, path.name)], size)[0]


def lines_of(shards: list[Shard]) -> list[Line]:
    return [line for shard in shards for line in read_shard(shard)]


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        (b"", 0),
        (b"\n", 1),
        (b"a", 1),
        (b"a\nb", 2),
        (b"a\r\nb\r\n\r\n", 3),
        (b"\xef\xbb\xbfa\n\xef\xbb\xbfb\n\xef\xbb\xbfc\n", 3),
        ("a\u2028b\u0085c\x0bd\x0ce\nf\rg\n".encode(), 2),
        (b"a\n\xff\xfe\nb\n\xe2\x80\nc", 5),
        (b"a\n" + b"long " * 20 + b"\nb\n", 3),
        (b"a\nb\n" + b"no end " * 20, 3),
    ],
)
@pytest.mark.parametrize("size", [Cut(1, 1), Cut(1, 100), Cut(2, 100), Cut(100, 6), Cut()])
def test_shards_hold_the_lines_of_the_file(
    tmp_path: Path, content: bytes, lines: int, size: Cut
) -> None:
    file = cut(tmp_path / "text", content, size)
    assert lines_of(file.shards) == list(read_lines(io.BytesIO(content)))
    assert (file.lines, file.size) == (lines, len(content))


@given(
    pieces=st.lists(
        st.sampled_from([b"\n", b"\r", b"a", b"\xef\xbb\xbf", b"\xff", b"\xe2\x80\xa8"])
    ),
    size=st.builds(Cut, st.integers(1, 4), st.integers(1, 9)),
)
def test_any_bytes_are_cut_into_whole_lines_within_the_limits(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[bytes], size: Cut
) -> None:
    content = b"".join(pieces)
    file = cut(tmp_path_factory.getbasetemp() / "text", content, size)
    assert lines_of(file.shards) == list(read_lines(io.BytesIO(content)))
    starts = [(shard.offset, shard.first_line) for shard in file.shards]
    ends = [(s.offset + s.size, s.first_line + s.lines) for s in file.shards]
    assert [(0, 1), *ends][: len(starts)] == starts
    assert [(0, 1), *ends][-1] == (len(content), file.lines + 1)
    for shard in file.shards:
        assert shard.lines <= size.lines
        assert shard.size <= size.size or shard.lines == 1


def test_a_cut_is_the_same_each_time_and_its_shards_are_numbered_through(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).write_bytes(b"a\nb\nc\n")
    inputs = [Input(tmp_path / name, name) for name in ("one", "two")]
    files = cut_files(inputs, Cut(lines=2))
    assert files == cut_files(inputs, Cut(lines=2))
    assert [shard.number for file in files for shard in file.shards] == [0, 1, 2, 3]


def test_a_line_too_long_to_be_sent_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shards, "MAX_TEXT_BYTES", 10)
    file = cut(tmp_path / "text", b"a\n" + b"x" * 20 + b"\nb\n", Cut(size=10))
    (tmp_path / "text").chmod(0o600)
    assert lines_of(file.shards) == [
        Line("a"),
        Line("", "has 21 bytes; allowed: at most 10"),
        Line("b"),
    ]


def test_a_line_longer_than_a_block_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shards, "BLOCK", 4)
    content = b"x" * 8 + b"\n" + b"y" * 11
    file = cut(tmp_path / "text", content, Cut(size=5))
    assert [shard.size for shard in file.shards] == [9, 11]
    assert lines_of(file.shards) == list(read_lines(io.BytesIO(content)))


@pytest.mark.parametrize("changed", [b"a\nB\nc\n", b"a\n"])
def test_a_file_that_was_changed_is_noticed(tmp_path: Path, changed: bytes) -> None:
    file = cut(tmp_path / "text", b"a\nb\nc\n", Cut(lines=1))
    (tmp_path / "text").write_bytes(changed)
    with pytest.raises(JobError, match=r"text lines 2 to 2 were changed since the job began"):
        list(read_shard(file.shards[1]))


def test_shards_follow_each_other(tmp_path: Path) -> None:
    file = cut(tmp_path / "text", b"a\n" * 9, Cut(lines=4))
    assert [shard.lines for shard in file.shards] == [4, 4, 1]
    for shard, after in pairwise(file.shards):
        assert after.offset == shard.offset + shard.size
