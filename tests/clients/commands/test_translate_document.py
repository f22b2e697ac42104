"""`dragoman translate --document`: what a document has between its sentences stays to the byte."""

import itertools
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest
from google.rpc import code_pb2  # type: ignore[import-untyped]

from dragoman.commands import translate
from dragoman.v1 import translation_pb2 as pb
from tests.clients.commands.conftest import Command
from tests.clients.fake_server import (
    Requests,
    Responses,
    abort,
    answer,
    bad_field,
    cause,
    refusal,
    status,
)

DOCUMENT = "\ufeffTitle\r\n\r\n\tone.\n - two \n\n\n  bad: äöü\n\nlong\n\nlast\n\n".encode()
WHOLE = "\ufeffTITLE\r\n\r\n\tONE.\n - TWO \n\n\n  bad: äöü\n\nLONG\n\nLAST\n\n".encode()


def special(request: pb.StreamTranslateTextRequest) -> pb.StreamTranslateTextResponse:
    """Refuses `bad`, warns of the title, and cuts the translation of `long`."""
    if request.content.startswith("bad"):
        problem = status(code_pb2.INVALID_ARGUMENT, "bad", bad_field("content", "content is bad"))
        return refusal(request, problem)
    response = answer(request)
    if request.content == "long":
        response.translation.finish_reason = pb.FINISH_REASON_LENGTH
    if request.content == "Title":
        response.translation.warnings.add(reason="SENTENCE_SPLIT", message="it is in parts")
    return response


class Script:
    """Answers so many texts, keeps them all, and breaks then where there are more."""

    def __init__(self, most: int = sys.maxsize) -> None:
        self._most = most
        self.seen: list[pb.StreamTranslateTextRequest] = []

    def __call__(self, requests: Requests, context: grpc.ServicerContext) -> Responses:
        for request in itertools.islice(requests, self._most):
            self.seen.append(request)
            yield special(request)
        if self._most < sys.maxsize:
            abort(context, status(code_pb2.INTERNAL, "out of order"))


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "output.txt"


@pytest.fixture(autouse=True)
def document(source: Path) -> None:
    source.write_bytes(DOCUMENT)


def kept(command: Command, script: Script) -> Script:
    command.server.streams.append(script)
    return script


def test_all_between_the_parts_stays_to_the_byte(command: Command, source: Path) -> None:
    script = kept(command, Script())
    assert command("--document", "-i", source) == 1
    assert command.out == WHOLE
    assert [request.content for request in script.seen] == [
        *("Title", "one.\n - two", "bad: äöü", "long", "last"),
    ]
    assert {request.segmentation for request in script.seen} == {pb.SEGMENTATION_SENTENCES}


def test_what_went_wrong_is_told_with_its_line(command: Command, source: Path) -> None:
    kept(command, Script())
    command("--document", "-i", source)
    assert command.err.decode().splitlines() == [
        "dragoman translate: line 1: it is in parts",
        "dragoman translate: line 7: bad (content is bad)",
        (
            "dragoman translate: 1 of 6 parts have translations that reached the maximum decoding "
            "length and lack their end: those from lines 9 on"
        ),
        "dragoman translate: 1 of 6 parts failed and are as they were: those from lines 7 on",
    ]


@contextmanager
def standard_input(path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with path.open() as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        yield


def test_standard_input_is_a_document_too(
    command: Command, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source.write_bytes(b"a\n\n b\n")
    for flags in ([], ["--input", "-"]):
        with standard_input(source, monkeypatch):
            assert command("--document", *flags) == 0
        assert command.out == b"A\n\n B\n"
    monkeypatch.setattr("sys.stdin", None)
    assert command("--document") == 2
    assert command.err == b"dragoman translate: standard input is closed: give --input FILE\n"


@pytest.mark.parametrize("content", [b"", b"\n", b" \n\t\r\n"])
def test_a_document_without_words_stays_as_it_is(
    command: Command, source: Path, output: Path, content: bytes
) -> None:
    source.write_bytes(content)
    assert command("--document", "-i", source, "-o", output) == 0
    assert output.read_bytes() == content


def test_parts_are_within_the_servers_limits(command: Command, source: Path) -> None:
    command.server.limits.max_code_points = 100
    script = kept(command, Script())
    content = "\n".join(["The old man was there. He went home."] * 50)
    source.write_text(content)
    assert command("--document", "-i", source) == 0
    assert command.out.decode() == content.upper()
    assert max(len(request.content) for request in script.seen) <= 100
    assert len(script.seen) == 25


def test_a_document_is_split_as_it_is_told(command: Command, source: Path) -> None:
    script = kept(command, Script())
    source.write_text("a")
    assert command("--document", "--segmentation", "none", "-i", source) == 0
    assert [request.segmentation for request in script.seen] == [pb.SEGMENTATION_NONE]


@pytest.mark.parametrize("answered", [1, 2, 3, 4])
def test_an_interrupted_document_is_gone_on_with(
    command: Command, source: Path, output: Path, answered: int
) -> None:
    run: list[str | Path] = ["--document", "-i", source, "-o", output, "--seed", "7"]
    kept(command, Script(answered))
    assert command(*run) == 2
    assert f"stopped after {answered} parts".encode() in command.err
    assert not output.exists()
    script = kept(command, Script())
    assert command(*run, "--resume") == 1
    assert output.read_bytes() == WHOLE
    assert [request.options.seed for request in script.seen] == list(range(7 + answered, 12))
    assert b"1 of 6 parts failed and are as they were: those from lines 7 on" in command.err
    assert b"lack their end: those from lines 9 on" in command.err
    assert sorted(path.name for path in output.parent.iterdir()) == ["output.txt", "source.txt"]


def test_a_part_that_was_not_written_whole_is_translated_again(
    command: Command, source: Path, output: Path
) -> None:
    run: list[str | Path] = ["--document", "-i", source, "-o", output]
    kept(command, Script(2))
    command(*run)
    partial = output.with_name("output.txt.partial")
    partial.write_bytes(partial.read_bytes()[:-1])
    script = kept(command, Script())
    assert command(*run, "--resume") == 1
    assert script.seen[0].content == "one.\n - two"
    assert output.read_bytes() == WHOLE


def test_lines_are_not_gone_on_with_as_a_document(
    command: Command, source: Path, output: Path
) -> None:
    kept(command, Script(1))
    command("-i", source, "-o", output)
    assert command("--document", "-i", source, "-o", output, "--resume") == 2
    assert b"is of another run" in command.err
    assert b"document" in command.err


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["text"], b"--document is for --input or standard input"),
        (["--num-hypotheses", "2"], b"gives one translation"),
    ],
)
def test_wrong_usage_is_explained(
    flags: list[str], words: bytes, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        translate.main(["--document", *flags])
    assert words in capsysbinary.readouterr().err


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"good\n\nb\xffd", b"is not valid UTF-8: byte 0xff at position 7"),
        (b"\xff\xfea\0", b"is in UTF-16, not in UTF-8"),
    ],
)
def test_what_is_no_text_is_refused(
    command: Command, source: Path, content: bytes, words: bytes
) -> None:
    source.write_bytes(content)
    assert command("--document", "-i", source) == 2
    assert words in command.err
    assert command.out == b""


def test_warnings_of_lines_are_told_too(command: Command) -> None:
    kept(command, Script())
    assert command("one", "Title") == 0
    assert command.err == b"dragoman translate: line 2: it is in parts\n"


def test_a_line_that_is_too_long_is_told_of_the_flag(command: Command) -> None:
    def refuse(requests: Requests, _context: grpc.ServicerContext) -> Responses:
        field = bad_field("content", "too long")
        problem = status(code_pb2.INVALID_ARGUMENT, "-", cause("TOO_MANY_CODE_POINTS"), field)
        for request in requests:
            yield refusal(request, problem)

    command.server.streams.append(refuse)
    assert command("a") == 1
    assert b"; --document takes texts of any length" in command.err
