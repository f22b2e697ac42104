import codecs
import os
from contextlib import ExitStack
from pathlib import Path

import pytest

from dragoman.commands.errors import CommandError
from dragoman.commands.lines import Line
from dragoman.commands.source import STANDARD, Source, open_source
from tests.clients.commands.conftest import Command


@pytest.fixture
def stack() -> ExitStack:
    return ExitStack()


def source_of(path: Path, content: bytes, stack: ExitStack) -> Source:
    path.write_bytes(content)
    return open_source([], path, stack)


@pytest.mark.parametrize(
    ("content", "count"), [(b"", 0), (b"\n", 1), (b"a", 1), (b"a\nb", 2), (b"a\nb\n", 2)]
)
def test_lines_are_counted_before_they_are_read(
    source: Path, stack: ExitStack, content: bytes, count: int
) -> None:
    with stack:
        opened = source_of(source, content, stack)
        assert opened.total == count
        assert len(list(opened.lines)) == count


def test_an_input_is_known_by_its_content(source: Path, stack: ExitStack, tmp_path: Path) -> None:
    with stack:
        identity = source_of(source, b"a\nb\n", stack).identity
        assert source_of(tmp_path / "other", b"a\nb\n", stack).identity == identity
        assert source_of(source, b"a\nc\n", stack).identity != identity
        assert source_of(source, b"a\nb", stack).identity != identity
    texts = [open_source(given, None, stack).identity for given in (["a", "b"], ["a", "\ud800"])]
    assert texts[0] == open_source(["a", "b"], None, stack).identity != texts[1]


def test_of_what_is_no_file_nothing_is_known_beforehand(stack: ExitStack) -> None:
    """A device may never end."""
    with stack:
        opened = open_source([], Path("/dev/zero"), stack)
        assert (opened.total, opened.identity) == (None, None)


def test_standard_input_is_read_from_where_it_is(
    source: Path, stack: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    source.write_bytes(b"a\nb\n")
    with source.open() as stdin:
        os.lseek(stdin.fileno(), 2, os.SEEK_SET)
        monkeypatch.setattr("sys.stdin", stdin)
        opened = open_source([], STANDARD, stack)
        assert (opened.total, list(opened.lines)) == (1, [Line("b")])


def test_a_closed_standard_input_is_said_so(
    stack: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(CommandError, match="standard input is closed"):
        open_source([], None, stack)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_another_encoding_is_told_once_and_not_for_every_line(
    command: Command, source: Path, encoding: str
) -> None:
    source.write_bytes("ein\nzwei\n".encode(encoding))
    assert command("-i", source) == 2
    assert f"is in {encoding.upper()}, not in UTF-8: `iconv" in command.err.decode()
    source.write_bytes(codecs.BOM_UTF8 + b"ein\n")
    assert command("-i", source) == 0
    assert command.out == b"EIN\n"
