import itertools
from pathlib import Path

import grpc
import pytest
from google.rpc import code_pb2  # type: ignore[import-untyped]

from dragoman.v1 import translation_pb2 as pb
from tests.clients.commands.conftest import Command
from tests.clients.fake_server import Requests, Responses, abort, answer, bad_field, refusal, status

PAGE = b"<h1>Hello, <b>you</b></h1>\r\n<p>bad &amp; worse<p>good\n"


def fail_on_bad(requests: Requests, _context: grpc.ServicerContext) -> Responses:
    refused = status(code_pb2.INVALID_ARGUMENT, "is bad", bad_field("content", "is bad"))
    for request in requests:
        yield refusal(request, refused) if "bad" in request.content else answer(request)


@pytest.fixture
def page(tmp_path: Path) -> Path:
    path = tmp_path / "page.html"
    path.write_bytes(PAGE)
    return path


def test_a_file_is_translated_by_the_format_of_its_name(
    command: Command, page: Path, tmp_path: Path
) -> None:
    output = tmp_path / "seite.html"
    assert command("--input", page, "--output", output) == 0
    assert output.read_bytes() == (b"<h1>HELLO, <b>YOU</b></h1>\r\n<p>BAD &amp; WORSE<p>GOOD\n")
    assert command.out == command.err == b""
    assert sorted(tmp_path.iterdir()) == [page, output]


def test_a_sentence_is_sent_whole_with_its_tags(command: Command, page: Path) -> None:
    asked: list[pb.StreamTranslateTextRequest] = []

    def keep(requests: Requests, _context: grpc.ServicerContext) -> Responses:
        for request in requests:
            asked.append(request)
            yield answer(request)

    command.server.streams += [keep, keep]
    assert command("--input", page) == 0
    assert [request.content for request in asked] == [
        'Hello, <g id="2">you</g>',
        "bad &amp; worse",
        "good",
    ]
    assert {request.mime_type for request in asked} == {"text/html"}
    assert all(request.protect_placeholders for request in asked)
    asked.clear()
    page.with_suffix(".json").write_text('["<b>"]')
    assert command("--input", page.with_suffix(".json")) == 0
    assert [(request.content, request.mime_type) for request in asked] == [("<b>", "")]


def test_standard_output_gets_the_whole_file(command: Command, page: Path) -> None:
    assert command("--input", page) == 0
    assert command.out == b"<h1>HELLO, <b>YOU</b></h1>\r\n<p>BAD &amp; WORSE<p>GOOD\n"


def test_standard_input_has_the_format_that_is_given(
    command: Command, page: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page.write_bytes(b'{"a": "b"}')
    with page.open() as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        assert command("--format", "json") == 0
    assert command.out == b'{"a": "B"}'


def test_a_file_with_a_format_is_lines_where_that_is_said(command: Command, page: Path) -> None:
    assert command("--input", page, "--format", "lines") == 0
    assert command.out == PAGE.replace(b"\r", b"").upper()


def test_what_fails_is_named_and_stays_as_it_was(
    command: Command, page: Path, tmp_path: Path
) -> None:
    command.server.streams.append(fail_on_bad)
    output = tmp_path / "seite.html"
    assert command("--input", page, "--output", output) == 1
    assert output.read_bytes() == (b"<h1>HELLO, <b>YOU</b></h1>\r\n<p>bad &amp; worse<p>GOOD\n")
    assert command.err.decode().splitlines() == [
        "dragoman translate: p (line 2): is bad",
        "dragoman translate: 1 of 3 texts failed",
    ]


def test_what_fails_of_a_catalogue_stays_empty(command: Command, tmp_path: Path) -> None:
    command.server.streams.append(fail_on_bad)
    source = tmp_path / "de.po"
    source.write_text('msgid "bad"\nmsgstr ""\n\nmsgid "good"\nmsgstr ""\n')
    assert command("--input", source, "--no-needs-review") == 1
    assert command.out.decode() == 'msgid "bad"\nmsgstr ""\n\nmsgid "good"\nmsgstr "GOOD"\n'
    assert command.err.startswith(b'dragoman translate: "bad" (line 1): is bad\n')


def test_what_would_break_the_file_is_told(command: Command, tmp_path: Path) -> None:
    def put_it_outside(requests: Requests, _context: grpc.ServicerContext) -> Responses:
        for request in requests:
            response = answer(request)
            text = response.translation.translated_text
            response.translation.translated_text = text.replace("TWO</G>", "</G>TWO")
            yield response

    command.server.streams.append(put_it_outside)
    source = tmp_path / "text.md"
    source.write_text("one\n\n**two**three\n")
    assert command("--input", source) == 1
    assert command.out == b"ONE\n\n**two**three\n"
    assert command.err == (
        b"dragoman translate: p (line 3): stays as it is, since its translation would change the "
        b"structure of the file\n"
    )


def test_incomplete_translations_are_named(command: Command, page: Path) -> None:
    def cut(requests: Requests, _context: grpc.ServicerContext) -> Responses:
        for request in requests:
            response = answer(request)
            response.translation.finish_reason = pb.FINISH_REASON_LENGTH
            yield response

    command.server.streams.append(cut)
    assert command("--input", page) == 0
    assert command.err.endswith(b"their end: h1 (line 1), p (line 2), p (line 2)\n")


def test_an_interrupted_run_is_gone_on_with(command: Command, page: Path, tmp_path: Path) -> None:
    def break_off(requests: Requests, context: grpc.ServicerContext) -> Responses:
        yield from map(answer, itertools.islice(requests, 2))
        abort(context, status(code_pb2.INTERNAL, "out of order"))

    asked: list[str] = []

    def keep(requests: Requests, _context: grpc.ServicerContext) -> Responses:
        for request in requests:
            asked.append(request.content)
            yield answer(request)

    command.server.streams += [break_off, keep]
    output = tmp_path / "seite.html"
    assert command("--input", page, "--output", output) == 2
    assert not output.exists()
    partial = tmp_path / "seite.html.partial"
    assert partial.read_bytes() == b'HELLO, <G ID="2">YOU</G>\nBAD &AMP; WORSE\n'
    assert b"stopped after 2 texts; what is done is kept in " in command.err
    assert command("--input", page, "--output", output) == 2
    assert b"is of an unfinished run" in command.err
    assert command("--input", page, "--output", output, "--resume") == 0
    assert output.read_bytes() == b"<h1>HELLO, <b>YOU</b></h1>\r\n<p>BAD &amp; WORSE<p>GOOD\n"
    assert asked == ["good"]
    assert not partial.exists()


def test_a_run_with_other_settings_is_not_gone_on_with(command: Command, tmp_path: Path) -> None:
    def break_off(requests: Requests, context: grpc.ServicerContext) -> Responses:
        yield from map(answer, itertools.islice(requests, 1))
        abort(context, status(code_pb2.INTERNAL, "out of order"))

    command.server.streams.append(break_off)
    source, output = tmp_path / "a.json", tmp_path / "b.json"
    source.write_text('{"a": "x", "b": "y"}')
    assert command("--input", source, "--output", output) == 2
    assert command("--input", source, "--output", output, "--key", "a", "--resume") == 2
    assert b'input.settings.keys was null and is ["a"]' in command.err


def test_a_broken_stream_leaves_nothing_half_written(command: Command, page: Path) -> None:
    def break_off(requests: Requests, context: grpc.ServicerContext) -> Responses:
        yield from map(answer, itertools.islice(requests, 1))
        abort(context, status(code_pb2.INTERNAL, "out of order"))

    command.server.streams.append(break_off)
    assert command("--input", page) == 2
    assert command.out == b""
    assert b"stopped after 1 texts; nothing is written" in command.err


def test_a_file_that_is_overwritten_keeps_its_mode(
    command: Command, page: Path, tmp_path: Path
) -> None:
    output = tmp_path / "seite.html"
    output.touch(mode=0o640)
    assert command("--input", page, "--output", output, "--force") == 0
    assert output.stat().st_mode & 0o777 == 0o640


def test_keys_choose_what_is_translated(command: Command, tmp_path: Path) -> None:
    source = tmp_path / "a.yaml"
    source.write_text("a:\n  b: x\n  c: y\nd: z\n")
    assert command("--input", source, "--key", "a.c", "--key", "d") == 0
    assert command.out == b"a:\n  b: x\n  c: Y\nd: Z\n"


@pytest.mark.parametrize(
    ("flags", "problem"),
    [
        (["--format", "po", "a text"], b"--format po is about a file: give no TEXT"),
        (["-i", "x.html", "--key", "a"], b"--key is about files of these formats: json, yaml"),
        (["--needs-review"], b"--needs-review is about files of these formats: po, xliff"),
        (["-i", "x.po", "--beam-size=2", "--num-hypotheses=2"], b"--num-hypotheses is about lines"),
        (["-i", "x.md", "--mime-type=text/html"], b"--mime-type is about lines and TEXTs"),
        (["--format", "pdf"], b"invalid choice: 'pdf'"),
    ],
)
def test_flags_that_mean_nothing_together_are_refused(
    command: Command, capsysbinary: pytest.CaptureFixture[bytes], flags: list[str], problem: bytes
) -> None:
    with pytest.raises(SystemExit, match="2"):
        command(*flags)
    assert problem in capsysbinary.readouterr().err


def test_a_file_that_is_not_of_its_format_is_refused_with_its_line(
    command: Command, tmp_path: Path
) -> None:
    source = tmp_path / "a.json"
    source.write_text('{"a":\n}')
    assert command("--input", source) == 2
    assert (
        command.err
        == f"dragoman translate: {source}: line 2: is not JSON: Expecting value\n".encode()
    )


def test_a_format_whose_extra_is_not_there_says_what_to_install(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(name: str) -> None:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr("dragoman.documents.formats.import_module", fail)
    source = tmp_path / "a.yaml"
    source.write_text("a: b")
    assert command("--input", source) == 2
    assert b"the format yaml needs `pip install 'dragoman[documents]'`" in command.err
