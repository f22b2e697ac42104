"""The file of `dragoman translate --output`: whole or not at all, and an unfinished one goes on."""

import itertools
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import grpc
import pytest
from google.rpc import code_pb2  # type: ignore[import-untyped]

from dragoman.commands import translate
from dragoman.commands.errors import CommandError
from dragoman.commands.output import FileOutput, Place
from dragoman.v1 import translation_pb2 as pb
from tests.clients.commands.conftest import Command
from tests.clients.fake_server import (
    FakeServer,
    Requests,
    Responses,
    StreamScript,
    abort,
    answer,
    bad_field,
    refusal,
    status,
)

TEXTS = b"a\nbad\nlong\nd\ne\nf\n"
WHOLE = b"A\n\nLONG\nD\nE\nF\n"


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "out" / "output.txt"


@pytest.fixture(autouse=True)
def files(source: Path, output: Path) -> None:
    source.write_bytes(TEXTS)
    output.parent.mkdir()


def special(request: pb.StreamTranslateTextRequest) -> pb.StreamTranslateTextResponse:
    """Refuses `bad`, and cuts the translation of `long`."""
    if request.content == "bad":
        problem = status(code_pb2.INVALID_ARGUMENT, "bad", bad_field("content", "content is bad"))
        return refusal(request, problem)
    response = answer(request)
    if request.content == "long":
        response.translation.finish_reason = pb.FINISH_REASON_LENGTH
    return response


def answer_and_break(count: int) -> StreamScript:
    def script(requests: Requests, context: grpc.ServicerContext) -> Responses:
        yield from map(special, itertools.islice(requests, count))
        abort(context, status(code_pb2.INTERNAL, "out of order"))

    return script


def answer_all(requests: Requests, _context: grpc.ServicerContext) -> Responses:
    yield from map(special, requests)


def names(output: Path) -> list[str]:
    return sorted(path.name for path in output.parent.iterdir())


def test_a_finished_run_leaves_the_output_alone_in_its_place(
    command: Command, source: Path, output: Path
) -> None:
    command.server.streams.append(answer_all)
    assert command("-i", source, "-o", output) == 1
    assert output.read_bytes() == WHOLE
    assert names(output) == ["output.txt"]


@pytest.mark.parametrize(
    ("code", "field"),
    [
        (code_pb2.NOT_FOUND, "target_language_code"),
        (code_pb2.INVALID_ARGUMENT, "options.beam_size"),
    ],
)
def test_a_wrong_option_costs_nobody_the_last_output(
    command: Command, source: Path, output: Path, code: int, field: str
) -> None:
    def refuse(requests: Requests, _context: grpc.ServicerContext) -> Responses:
        for request in requests:
            yield refusal(request, status(code, "wrong", bad_field(field, f"{field} is wrong")))

    command.server.streams.append(refuse)
    output.write_bytes(b"precious\n")
    assert command("-i", source, "-o", output, "--force", "--beam-size", "99") == 2
    assert output.read_bytes() == b"precious\n"
    assert names(output) == ["output.txt"]


def test_what_is_there_is_overwritten_by_force_alone(
    command: Command, source: Path, output: Path
) -> None:
    output.write_bytes(b"precious\n")
    output.chmod(0o640)
    for flags in ([], ["--resume"]):
        assert command("-i", source, "-o", output, *flags) == 2
        assert b"is there already: --force overwrites it" in command.err
        assert output.read_bytes() == b"precious\n"
    assert command("-i", source, "-o", output, "--force") == 0
    assert output.read_bytes() == TEXTS.upper()
    assert output.stat().st_mode & 0o777 == 0o640


def test_an_interrupted_run_is_gone_on_with_as_if_it_had_not_been(
    command: Command, source: Path, output: Path
) -> None:
    seen: list[tuple[str, int]] = []

    def keep(requests: Requests, _context: grpc.ServicerContext) -> Responses:
        for request in requests:
            seen.append((request.content, request.options.seed))
            yield special(request)

    command.server.streams.append(answer_and_break(3))
    run: list[str | Path] = ["-i", source, "-o", output, "--seed", "7", "--beam-size", "2"]
    assert command(*run) == 2
    assert names(output) == ["output.txt.partial", "output.txt.partial.journal"]
    assert command(*run) == 2
    assert b"is of an unfinished run: --resume goes on with it, --force starts again" in command.err
    command.server.streams.append(keep)
    assert command(*run, "--resume") == 1  # a line of the first run had failed
    assert seen == [("d", 10), ("e", 11), ("f", 12)]
    assert output.read_bytes() == WHOLE
    assert names(output) == ["output.txt"]
    cut, failed = command.err.decode().splitlines()
    assert cut.endswith("reached the maximum decoding length and lack their end: lines 3")
    assert failed == "dragoman translate: 1 of 6 lines failed"


def test_a_failure_after_that_names_the_line_of_the_whole_input(
    command: Command, source: Path, output: Path
) -> None:
    source.write_bytes(b"a\nb\nc\nbad\n")
    command.server.streams += [answer_and_break(2), answer_all]
    command("-i", source, "-o", output)
    assert command("-i", source, "-o", output, "--resume") == 1
    assert b"dragoman translate: line 4: bad (content is bad)" in command.err


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (["--beam-size", "4"], b"options.beam_size was 2 and is 4"),
        (["--target-language", "fr"], b'options.target_language_code was "" and is "fr"'),
        (["--num-hypotheses", "2"], b"options.num_hypotheses was null and is 2"),
        (["--seed", "1"], b"options.seed was null and is 1"),
        (["input"], b"input.lines was 6 and is 7"),
    ],
)
def test_another_run_is_not_gone_on_with(
    command: Command, source: Path, output: Path, change: list[str], words: bytes
) -> None:
    command.server.streams.append(answer_and_break(3))
    run: list[str | Path] = ["-i", source, "-o", output, "--beam-size", "2"]
    command(*run)
    if change == ["input"]:
        source.write_bytes(TEXTS + b"g\n")
        change = []
    assert command(*run, *change, "--resume") == 2
    assert words in command.err
    assert b"--force starts again" in command.err
    assert output.with_name("output.txt.partial").read_bytes() == b"A\n\nLONG\n"
    assert command(*run, *change, "--force") == 0
    assert names(output) == ["output.txt"]


def test_another_model_is_another_run(command: Command, source: Path, output: Path) -> None:
    command.server.streams.append(answer_and_break(3))
    command("-i", source, "-o", output)
    journal = output.with_name("output.txt.partial.journal")
    journal.write_bytes(journal.read_bytes().replace(b"int8", b"float32"))
    assert command("-i", source, "-o", output, "--resume") == 2
    assert b'"precision": "float32"' in command.err.partition(b"and is")[0]
    assert b'"precision": "int8"' in command.err.partition(b"and is")[2]


def test_there_need_be_nothing_to_go_on_with(command: Command, source: Path, output: Path) -> None:
    assert command("-i", source, "-o", output, "--resume") == 0
    assert output.read_bytes() == TEXTS.upper()


def test_lines_that_were_not_written_whole_are_translated_again(
    command: Command, source: Path, output: Path
) -> None:
    command.server.streams.append(answer_and_break(3))
    command("-i", source, "-o", output)
    partial = output.with_name("output.txt.partial")
    journal = output.with_name("output.txt.partial.journal")
    partial.write_bytes(b"A\n\nLO")
    with journal.open("ab") as file:
        file.write(b'{"failed": 4}\n{"fai')
    command.server.streams.append(answer_all)
    assert command("-i", source, "-o", output, "--resume") == 1
    assert output.read_bytes() == WHOLE
    assert b"1 of 6 lines failed" in command.err


def test_several_hypotheses_go_on_after_the_last_whole_line(tmp_path: Path) -> None:
    place = Place(tmp_path / "output.txt", force=False, resume=True)
    run: dict[str, object] = {"input": {"lines": 3}}
    first = FileOutput(place, run, lines_each=2)
    first.write([b"a\n", b"b\n"], 1, None)
    first.write([b"c\n", b"d\n"], 2, None)
    first.leave()
    place.partial.write_bytes(b"a\nb\nc\n")
    second = FileOutput(place, run, lines_each=2)
    assert second.earlier.done == 1
    second.write([b"e\n", b"f\n"], 2, None)
    second.finish()
    assert place.path.read_bytes() == b"a\nb\ne\nf\n"


@pytest.mark.parametrize("content", [b"", b"{", b"nonsense\n", b"[1]\n", b'{"input": 1}\n[]\n'])
def test_a_damaged_journal_is_said_so(
    command: Command, source: Path, output: Path, content: bytes
) -> None:
    command.server.streams.append(answer_and_break(3))
    command("-i", source, "-o", output)
    output.with_name("output.txt.partial.journal").write_bytes(content)
    assert command("-i", source, "-o", output, "--resume") == 2
    assert b"--force starts again" in command.err


def test_a_run_does_not_write_what_another_is_writing(tmp_path: Path) -> None:
    place = Place(tmp_path / "output.txt", force=True, resume=False)
    run: dict[str, object] = {"input": {"lines": 3}}
    first = FileOutput(place, run, lines_each=1)
    first.write([b"a\n"], 1, None)
    with pytest.raises(CommandError, match="another run is writing"):
        FileOutput(place, run, lines_each=1)
    first.finish()
    assert place.path.read_bytes() == b"a\n"


def test_a_pipe_is_not_gone_on_with(
    command: Command, output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for flags, words in ([], b"out of order"), (["--resume"], b"--resume needs --input FILE"):
        read, write = os.pipe()
        os.write(write, TEXTS)
        os.close(write)
        command.server.streams.append(answer_and_break(3))
        with os.fdopen(read) as stdin:
            monkeypatch.setattr("sys.stdin", stdin)
            assert command("-o", output, *flags) == 2
        assert words in command.err
        assert b"goes on with it" not in command.err


def test_what_can_be_no_output_is_refused_before_any_work(
    command: Command, source: Path, output: Path
) -> None:
    assert command("-i", source, "-o", output.parent) == 2
    assert command.err == f"dragoman translate: --output {output.parent} is a directory\n".encode()
    assert command("-i", source, "-o", output / "below") == 2
    assert b"there is no directory" in command.err
    assert command("-i", source, "-o", "/dev/null", "--resume") == 2
    assert b"is no file that can be gone on with" in command.err
    assert command.server.streams_opened == 0


def test_an_output_that_is_no_file_is_written_to(command: Command, source: Path) -> None:
    assert command("-i", source, "-o", "/dev/null") == 0
    assert command("-i", source, "-o", "/dev/full") == 2
    assert command.err == b"dragoman translate: [Errno 28] No space left on device\n"
    assert Path("/dev/null").is_char_device()


def test_a_link_stays_a_link(command: Command, source: Path, output: Path) -> None:
    link = output.with_name("link")
    link.symlink_to(output)
    assert command("-i", source, "-o", link) == 0
    assert link.is_symlink()
    assert output.read_bytes() == TEXTS.upper()


def test_a_link_to_nothing_gets_something(command: Command, source: Path, output: Path) -> None:
    for link in (output.with_name("circle"), output.with_name("dangling")):
        link.symlink_to("circle" if link.name == "circle" else output)
        assert command("-i", source, "-o", link) == 0
        assert link.read_bytes() == TEXTS.upper()


def test_a_journal_that_cannot_be_written_leaves_nothing(
    command: Command, source: Path, output: Path
) -> None:
    output.with_name("output.txt.partial.journal").mkdir()
    assert command("-i", source, "-o", output) == 2
    assert b"Is a directory" in command.err
    assert names(output) == ["output.txt.partial.journal"]


def test_the_input_may_not_be_what_is_written(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    partial = tmp_path / "output.txt.partial"
    partial.write_bytes(b"a\n")
    for arguments in (
        ["-i", str(source), "-o", str(source), "--force"],
        ["-i", str(partial), "-o", str(tmp_path / "output.txt"), "--force"],
    ):
        with pytest.raises(SystemExit):
            translate.main(arguments)
        assert "it would be overwritten" in capsys.readouterr().err


def test_a_killed_run_is_gone_on_with(
    command: Command, server: FakeServer, source: Path, output: Path
) -> None:
    source.write_bytes(b"".join(b"line %d\n" % number for number in range(3000)))

    def answer_some(requests: Requests, _context: grpc.ServicerContext) -> Responses:
        yield from map(answer, itertools.islice(requests, 1000))
        started.send_signal(signal.SIGKILL)
        yield from map(answer, requests)

    server.streams.append(answer_some)
    files = ["-i", str(source), "-o", str(output)]
    code = "import sys; from dragoman.commands.cli import main; sys.exit(main())"
    started = subprocess.Popen(
        [sys.executable, "-c", code, "translate", "--target", server.target, *files]
    )
    assert started.wait(60) == -signal.SIGKILL
    assert not output.exists()
    assert json.loads(output.with_name("output.txt.partial.journal").read_bytes())
    assert command(*files, "--resume") == 0
    assert output.read_bytes() == source.read_bytes().upper()
