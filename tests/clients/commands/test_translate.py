import itertools
import signal
import subprocess
import sys
from pathlib import Path

import grpc
import pytest
from google.rpc import code_pb2  # type: ignore[import-untyped]

from dragoman.commands import translate
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
    translation,
)

Capture = pytest.CaptureFixture[bytes]


def fail_on(word: str, *, field: str = "content") -> StreamScript:
    problem = f"{field} is not allowed here"

    def script(requests: Requests, _context: grpc.ServicerContext) -> Responses:
        refused = status(code_pb2.INVALID_ARGUMENT, problem, bad_field(field, problem))
        for request in requests:
            yield refusal(request, refused) if word in request.content else answer(request)

    return script


def test_arguments_are_translated_one_a_line(command: Command) -> None:
    assert command("Hello, world.", "Good morning.") == 0
    assert command.out == b"HELLO, WORLD.\nGOOD MORNING.\n"
    assert command.err == b""


def test_standard_input_is_translated_line_by_line(
    command: Command, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source.write_bytes(b"a\nb\n")
    with source.open() as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        assert command() == 0
    assert command.out == b"A\nB\n"


def test_a_dash_is_standard_input_and_output(
    command: Command, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    source.write_bytes(b"a\nb\n")
    with source.open() as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        assert command("-i", "-", "-o", "-") == 0
    assert command.out == b"A\nB\n"
    assert list(tmp_path.iterdir()) == [source]


def test_a_file_of_n_lines_gives_n_lines_in_order(
    command: Command, source: Path, tmp_path: Path
) -> None:
    lines = [f"line {number}\u2028 \x85 \x0b" for number in range(1000)]
    source.write_text("\n".join(lines), newline="")
    output = tmp_path / "output.txt"
    assert command("--input", source, "--output", output, "--concurrency", "16") == 0
    assert output.read_bytes().decode() == "".join(f"{line.upper()}\n" for line in lines)
    assert command.out == b""


def test_blank_lines_stay_blank_and_windows_line_ends_go(command: Command, source: Path) -> None:
    source.write_bytes(b"\r\na\r\n\r\n\r\nb\r\n")
    assert command("-i", source) == 0
    assert command.out == b"\nA\n\n\nB\n"


def test_an_empty_file_gives_an_empty_file(command: Command, source: Path) -> None:
    source.write_bytes(b"")
    assert command("-i", source) == 0
    assert command.out == command.err == b""


def test_a_failing_line_is_reported_and_stays_empty(command: Command, source: Path) -> None:
    command.server.streams.append(fail_on("bad"))
    source.write_bytes(b"a\nbad\nc\n\xff\xfe\ne\n")
    assert command("-i", source) == 1
    assert command.out == b"A\n\nC\n\nE\n"
    assert command.err.decode().splitlines() == [
        "dragoman translate: line 2: content is not allowed here",
        "dragoman translate: line 4: is not valid UTF-8: byte 0xff at position 0",
        "dragoman translate: 2 of 5 lines failed",
    ]


def test_a_wrong_option_is_reported_once_and_not_for_every_line(
    command: Command, source: Path
) -> None:
    wrong = fail_on("", field="options.beam_size")
    command.server.streams.append(wrong)
    source.write_bytes(b"a\n" * 100)
    assert command("-i", source, "--beam-size", "99") == 2
    assert command.err == b"dragoman translate: options.beam_size is not allowed here\n"


def test_a_flag_that_cannot_be_sent_is_reported_at_once(command: Command) -> None:
    assert command("--target-language", "d\udce4", "a") == 2
    assert (
        command.err
        == b"dragoman translate: target_language_code has the lone surrogate U+DCE4 at 1\n"
    )
    assert command("--beam-size", str(2**31), "a") == 2
    assert b"options.beam_size is 2,147,483,648; allowed: " in command.err


def test_incomplete_translations_are_pointed_out(command: Command) -> None:
    def cut_the_second(requests: Requests, _context: grpc.ServicerContext) -> Responses:
        for request in requests:
            response = answer(request)
            if request.id == "1":
                response.translation.finish_reason = pb.FINISH_REASON_LENGTH
            yield response

    command.server.streams.append(cut_the_second)
    assert command("a", "b", "c") == 0
    assert b"1 of 3 translations reached the maximum decoding length" in command.err
    assert command.err.endswith(b"lines 2\n")


def test_options_go_to_the_server(command: Command) -> None:
    seen: list[pb.StreamTranslateTextRequest] = []

    def keep(requests: Requests, _context: grpc.ServicerContext) -> Responses:
        for request in requests:
            seen.append(request)
            yield answer(request)

    command.server.streams.append(keep)
    languages = ["--source-language", "en", "--target-language", "de", "--model", "fake"]
    assert command(*languages, "--beam-size", "4", "--max-decoding-length", "9", "a") == 0
    assert (seen[0].source_language_code, seen[0].target_language_code) == ("en", "de")
    assert (seen[0].model, seen[0].options.beam_size) == ("fake", 4)
    assert seen[0].options.max_decoding_length == 9
    assert seen[0].options.return_scores is False


def test_a_pivot_language_goes_to_the_server(command: Command) -> None:
    pivots: list[str] = []

    def keep(requests: Requests, _context: grpc.ServicerContext) -> Responses:
        for request in requests:
            pivots.append(request.pivot_language_code)
            yield answer(request)

    command.server.streams.append(keep)
    assert command("--pivot-language=en", "a") == 0
    assert pivots == ["en"]


@pytest.mark.parametrize("flags", [(), ("--mixed-languages",)])
def test_texts_may_be_in_several_languages(command: Command, flags: tuple[str, ...]) -> None:
    mixed: list[bool] = []

    def keep(requests: Requests, _context: grpc.ServicerContext) -> Responses:
        for request in requests:
            mixed.append(request.mixed_languages)
            yield answer(request)

    command.server.streams.append(keep)
    assert command(*flags, "a") == 0
    assert mixed == [bool(flags)]


def test_every_option_of_decoding_goes_to_the_server(command: Command) -> None:
    seen: list[pb.DecodingOptions] = []

    def keep(requests: Requests, _context: grpc.ServicerContext) -> Responses:
        for request in requests:
            seen.append(request.options)
            yield answer(request)

    command.server.streams.append(keep)
    flags = (
        "--beam-size=4 --length-penalty=0.5 --early-stopping=true --num-hypotheses=2 "
        "--max-decoding-length=9 --min-decoding-length=1 --max-length-factor=1.5 "
        "--target-prefix=It --suppress-sequence=bad --suppress-sequence=worse "
        "--repetition-penalty=1.25 --no-repeat-ngram-size=3 "
        "--sampling-topk=5 --sampling-topp=0.5 --sampling-temperature=2 --seed=-4"
    )
    assert command(*flags.split(), "a", "b") == 0
    expected = pb.DecodingOptions(
        beam_size=4,
        length_penalty=0.5,
        early_stopping=pb.EARLY_STOPPING_TRUE,
        num_hypotheses=2,
        max_decoding_length=9,
        min_decoding_length=1,
        max_length_factor=1.5,
        target_prefix="It",
        suppress_sequences=["bad", "worse"],
        repetition_penalty=1.25,
        no_repeat_ngram_size=3,
        sampling_topk=5,
        sampling_topp=0.5,
        sampling_temperature=2,
        seed=-4,
        return_scores=False,
    )
    assert seen[0] == expected
    assert [options.seed for options in seen] == [-4, -3]


def test_what_is_not_the_models_to_choose_goes_to_the_server(
    command: Command, tmp_path: Path
) -> None:
    seen: list[pb.StreamTranslateTextRequest] = []

    def keep(requests: Requests, _context: grpc.ServicerContext) -> Responses:
        for request in requests:
            seen.append(request)
            yield answer(request)

    command.server.streams += [keep, keep]
    table = tmp_path / "terms.tsv"
    table.write_text("de\ten\nHaus\thouse\n")
    flags = ["--dnt=New York", "--dnt=Bonn", "--protect-placeholders", "--glossary-mode=soft"]
    assert command(*flags, "-s=en", "-t=de", "--glossary", table, "a") == 0
    assert command("--glossary=legal@2", "--glossary-ignore-case", "a") == 0
    first, second = seen
    assert list(first.dnt_phrases) == ["New York", "Bonn"]
    assert first.protect_placeholders
    entry = pb.GlossaryEntry(source_term="house", target_term="Haus")
    assert first.glossary_config == pb.GlossaryConfig(entries=[entry], mode=pb.GLOSSARY_MODE_SOFT)
    assert second.glossary_config == pb.GlossaryConfig(glossary="legal@2", ignore_case=True)


def test_a_glossary_that_is_wrong_or_missing_is_told(command: Command, tmp_path: Path) -> None:
    table = tmp_path / "terms.tsv"
    assert command("--glossary", table, "a") == 2
    assert b"No such file" in command.err
    table.write_text("house\tHaus\n")
    assert command("--glossary", table, "a") == 2
    assert b"the first line must have language codes" in command.err


def test_warnings_are_told_with_their_lines(command: Command) -> None:
    def warn_of_the_second(requests: Requests, _context: grpc.ServicerContext) -> Responses:
        for request in requests:
            response = answer(request)
            if request.id == "1":
                response.translation.warnings.add(reason="TERM_MOVED", message="'x' was lost")
            yield response

    command.server.streams.append(warn_of_the_second)
    assert command("a", "b", "c") == 0
    assert command.err == b"dragoman translate: line 2: 'x' was lost\n"


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ([], pb.PRIORITY_UNSPECIFIED),
        (["--priority=bulk"], pb.PRIORITY_BULK),
        (["--priority=interactive"], pb.PRIORITY_INTERACTIVE),
    ],
)
def test_the_priority_goes_to_the_server(command: Command, flags: list[str], expected: int) -> None:
    seen: list[int] = []

    def keep(requests: Requests, _context: grpc.ServicerContext) -> Responses:
        for request in requests:
            seen.append(request.priority)
            yield answer(request)

    command.server.streams.append(keep)
    assert command(*flags, "a") == 0
    assert seen == [expected]


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ([], pb.SEGMENTATION_UNSPECIFIED),
        (["--segmentation=auto"], pb.SEGMENTATION_AUTO),
        (["--segmentation=sentences"], pb.SEGMENTATION_SENTENCES),
        (["--segmentation=none"], pb.SEGMENTATION_NONE),
    ],
)
def test_the_segmentation_goes_to_the_server(
    command: Command, flags: list[str], expected: int
) -> None:
    seen: list[int] = []

    def keep(requests: Requests, _context: grpc.ServicerContext) -> Responses:
        for request in requests:
            seen.append(request.segmentation)
            yield answer(request)

    command.server.streams.append(keep)
    assert command(*flags, "a") == 0
    assert seen == [expected]


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ([], pb.GUARD_UNSPECIFIED),
        (["--guard=off"], pb.GUARD_OFF),
        (["--guard=retry"], pb.GUARD_RETRY),
    ],
)
def test_the_guard_goes_to_the_server(command: Command, flags: list[str], expected: int) -> None:
    seen: list[int] = []

    def keep(requests: Requests, _context: grpc.ServicerContext) -> Responses:
        for request in requests:
            seen.append(request.guard)
            yield answer(request)

    command.server.streams.append(keep)
    assert command(*flags, "a") == 0
    assert seen == [expected]


def test_the_type_of_the_texts_goes_to_the_server(command: Command) -> None:
    seen: list[str] = []

    def keep(requests: Requests, _context: grpc.ServicerContext) -> Responses:
        for request in requests:
            seen.append(request.mime_type)
            yield answer(request)

    command.server.streams += [keep, keep]
    assert command("--mime-type=text/html", "<b>a</b>") == 0
    assert command("a") == 0
    assert seen == ["text/html", ""]


def test_several_hypotheses_are_as_many_lines_for_each_line(command: Command) -> None:
    def answer_with_two(requests: Requests, _context: grpc.ServicerContext) -> Responses:
        refused = status(code_pb2.INVALID_ARGUMENT, "bad", bad_field("content", "bad"))
        for request in requests:
            if request.content == "bad":
                yield refusal(request, refused)
                continue
            response = answer(request)
            response.translation.CopyFrom(translation(request.content, 2))
            yield response

    command.server.streams.append(answer_with_two)
    assert command("--beam-size=3", "--num-hypotheses=3", "a", "bad", "b") == 1
    assert command.out == b"A 0\nA 1\n\n\n\n\nB 0\nB 1\n\n"


def test_a_job_that_cannot_go_on_keeps_what_is_finished(
    command: Command, source: Path, tmp_path: Path
) -> None:
    def break_for_good(requests: Requests, context: grpc.ServicerContext) -> Responses:
        yield from map(answer, itertools.islice(requests, 2))
        abort(context, status(code_pb2.INTERNAL, "out of order"))

    command.server.streams.append(break_for_good)
    source.write_bytes(b"a\nb\nc\nd\n")
    output = tmp_path / "output.txt"
    assert command("-i", source, "-o", output) == 2
    assert not output.exists()
    partial = tmp_path / "output.txt.partial"
    assert partial.read_bytes() == b"A\nB\n"
    kept, why = command.err.decode().splitlines()
    how = f"what is done is kept in {partial}: --resume goes on with it"
    assert kept == f"dragoman translate: stopped after 2 lines; {how}"
    assert why == "dragoman translate: out of order"
    command.server.streams.append(break_for_good)
    assert command("-i", source) == 2
    assert command.out == b"A\nB\n"
    assert command.err.startswith(b"dragoman translate: stopped after 2 lines, which are written\n")


def test_no_server_leaves_the_last_output_alone(
    source: Path, tmp_path: Path, capsysbinary: Capture
) -> None:
    source.write_bytes(b"a\n")
    output = tmp_path / "output.txt"
    output.write_bytes(b"precious\n")
    files = ["--input", str(source), "--output", str(output), "--force"]
    assert translate.main(["--target", "127.0.0.1:1", "--retry-seconds=0", *files]) == 2
    assert output.read_bytes() == b"precious\n"
    assert b"cannot reach a Dragoman server at 127.0.0.1:1" in capsysbinary.readouterr().err


def test_a_missing_input_is_reported(command: Command, tmp_path: Path) -> None:
    assert command("-i", tmp_path / "missing.txt") == 2
    assert b"No such file or directory" in command.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["text", "--input", "FILE"], b"give either TEXT or --input"),
        (["--input", "FILE", "--output", "FILE"], b"it would be overwritten"),
        (
            ["--mime-type=text/html", "--document"],
            b"--document is about plain text, not about text/html",
        ),
        (
            ["--mime-type=text/html", "--alignments", "text"],
            b"--alignments is about plain text, not about text/html",
        ),
        (["--resume", "text"], b"--force and --resume are about the file of --output"),
        (["--force", "--output", "-", "text"], b"--force and --resume are about the file"),
        (["--concurrency", "0", "text"], b"--concurrency must be at least 1, not 0"),
        (["--num-hypotheses", "0", "text"], b"--num-hypotheses must be at least 1, not 0"),
        (["--early-stopping", "soon", "text"], b"invalid choice: 'soon'"),
        (["--timeout", "0", "text"], b"--timeout must be more than 0 seconds, not 0"),
        (["--beam-size", "many", "text"], b"argument --beam-size: invalid int value: 'many'"),
    ],
)
def test_wrong_usage_is_explained(
    arguments: list[str], message: bytes, source: Path, capsysbinary: Capture
) -> None:
    source.write_bytes(b"a\n")
    with pytest.raises(SystemExit, match="2"):
        translate.main([str(source) if word == "FILE" else word for word in arguments])
    assert message in capsysbinary.readouterr().err


def start(server: FakeServer, *arguments: str) -> "subprocess.Popen[bytes]":
    # In the background of a shell interrupts are ignored, and children inherit that.
    heed = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    code = f"{heed}; import sys; from dragoman.commands.cli import main; sys.exit(main())"
    return subprocess.Popen(
        [sys.executable, "-c", code, "translate", "--target", server.target, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def test_an_interrupt_at_the_prompt_ends_cleanly(server: FakeServer) -> None:
    with start(server) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.write(b"hello\n")
        process.stdin.flush()
        assert process.stdout.readline() == b"HELLO\n"  # before the next line is typed
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
        assert process.stderr.read() == b"interrupted\n"


def test_a_reader_that_leaves_ends_the_job_silently(server: FakeServer, source: Path) -> None:
    source.write_bytes(b"hello\n" * 100_000)
    with start(server, "--input", str(source)) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == b"HELLO\n"
        process.stdout.close()
        assert process.wait(60) == 141
        assert process.stderr.read() == b""


def aligned(requests: Requests, _context: grpc.ServicerContext) -> Responses:
    for request in requests:
        assert request.return_alignment
        response = answer(request)
        response.translation.alignment.add(
            source_begin=2, source_end=3, target_begin=0, target_end=1, is_hard=True
        )
        yield response


def test_alignments_stand_behind_each_translation(command: Command) -> None:
    command.server.streams.append(aligned)
    assert command("--alignments", "a b", "c d") == 0
    assert command.out == b"A B\t1-0\nC D\t1-0\n"


def sure(requests: Requests, _context: grpc.ServicerContext) -> Responses:
    for request in requests:
        assert request.return_confidence
        response = answer(request)
        if request.content:
            response.translation.confidence = 0.73456
        yield response


def test_how_sure_each_translation_is_stands_behind_it(command: Command) -> None:
    command.server.streams.append(sure)
    assert command("--confidence", "a b", "") == 0
    assert command.out == b"A B\t0.735\n\t\n"


def test_alignments_come_before_how_sure_it_is(command: Command) -> None:
    command.server.streams.append(sure)
    assert command("--confidence", "--alignments", "a b") == 0
    assert command.out == b"A B\t\t0.735\n"


@pytest.mark.parametrize("flag", ["--alignments", "--confidence"])
@pytest.mark.parametrize(
    ("other", "told"),
    [
        (("--num-hypotheses", "2", "a"), "is about one translation: leave out --num-hypotheses"),
        (("--document", "--input", "book.txt"), "is about lines: leave out --document"),
        (("--input", "x.po"), "not about files of the format po"),
    ],
)
def test_what_stands_behind_translations_is_of_lines(
    command: Command,
    capsysbinary: pytest.CaptureFixture[bytes],
    flag: str,
    other: tuple[str, ...],
    told: str,
) -> None:
    with pytest.raises(SystemExit):
        command(flag, *other)
    err = " ".join(capsysbinary.readouterr().err.decode().split())
    assert flag in err
    assert told in err
