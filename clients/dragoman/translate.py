"""`dragoman translate`: text, or a file line by line, through a running server.

One line in is one line out, in order, whatever happens to it: a line that fails is reported and
leaves an empty line. The output is written as it comes, so what is finished outlives a crash.
Knows the command line and the files; lines.py knows what a line is.
"""

import argparse
import sys
from collections.abc import Generator, Iterable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import BinaryIO

import grpc

from dragoman.client import Client
from dragoman.errors import (
    AuthenticationError,
    DragomanError,
    InvalidArgumentError,
    NotFoundError,
)
from dragoman.lines import Line, count_lines, encode_line, read_lines, shorten
from dragoman.progress import LineProgress
from dragoman.results import FinishReason, StreamResult

OK = 0
LINES_FAILED = 1
NOT_DONE = 2


def main(argv: list[str]) -> int:
    """Translates and returns the exit status."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    if arguments.text and arguments.input:
        parser.error("give either TEXT or --input")
    if arguments.input and arguments.output and _same_file(arguments.input, arguments.output):
        parser.error(f"--output is the input, {arguments.input}: it would be overwritten unread")
    if arguments.concurrency < 1:
        parser.error(f"--concurrency must be at least 1, not {arguments.concurrency}")
    if arguments.timeout <= 0:
        parser.error(f"--timeout must be more than 0 seconds, not {arguments.timeout:g}")
    try:
        return _translate(arguments)
    except (DragomanError, OSError) as error:
        if isinstance(error, BrokenPipeError):
            raise
        print(f"dragoman translate: {error}", file=sys.stderr)
        return NOT_DONE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="dragoman translate",
        description="Translate on a running server: the TEXTs, else the lines of a file or of "
        "standard input. One line in is one line out, in order; a line that fails is reported "
        "and leaves an empty line.",
        epilog="Exit status: 0 all lines are translated; 1 some failed; 2 the job could not be "
        "done, or not to its end.",
    )
    parser.add_argument("text", nargs="*", metavar="TEXT", help="a text to translate")
    files = parser.add_argument_group("files")
    files.add_argument("-i", "--input", type=Path, metavar="FILE", help="read the lines of FILE")
    files.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="write to FILE, as it comes"
    )
    translation = parser.add_argument_group("translation")
    translation.add_argument(
        "-s", "--source-language", default="", metavar="CODE", help="language of the text: en"
    )
    translation.add_argument(
        "-t", "--target-language", default="", metavar="CODE", help="language to translate into: de"
    )
    translation.add_argument(
        "-m", "--model", default="", metavar="NAME", help="needed where the server has several"
    )
    translation.add_argument(
        "--beam-size", type=int, metavar="N", help="1 is greedy search; default: the model's"
    )
    translation.add_argument(
        "--max-decoding-length",
        type=int,
        metavar="N",
        help="most target tokens of a line; default: the model's",
    )
    server = parser.add_argument_group("server")
    server.add_argument(
        "--target", default="127.0.0.1:50051", metavar="HOST:PORT", help="default: %(default)s"
    )
    server.add_argument("--tls", action="store_true", help="use TLS, with the system's authorities")
    server.add_argument(
        "--tls-ca", type=Path, metavar="FILE", help="use TLS, with the authorities of a PEM file"
    )
    server.add_argument(
        "--concurrency",
        type=int,
        default=256,
        metavar="N",
        help="lines at the server at a time; default: %(default)s",
    )
    server.add_argument(
        "--timeout",
        type=float,
        default=60.0,
        metavar="SECONDS",
        help="give up when no line was answered for so long; default: %(default)g",
    )
    return parser


def _same_file(first: Path, second: Path) -> bool:
    return first.exists() and second.exists() and first.samefile(second)


def _credentials(arguments: argparse.Namespace) -> grpc.ChannelCredentials | None:
    if arguments.tls_ca is not None:
        return grpc.ssl_channel_credentials(arguments.tls_ca.read_bytes())
    return grpc.ssl_channel_credentials() if arguments.tls else None


def _translate(arguments: argparse.Namespace) -> int:
    with ExitStack() as stack:
        lines, total = _open_input(arguments, stack)
        client = stack.enter_context(
            Client(arguments.target, credentials=_credentials(arguments), timeout=arguments.timeout)
        )
        client.models()  # a wrong target must not cost the user the last output
        output = _open_output(arguments, stack)
        bar_wanted = sys.stderr.isatty() and not output.isatty() and not arguments.text
        progress = stack.enter_context(LineProgress(total=total, wanted=bar_wanted))
        job = _Job(lines, output, progress)
        job.run(client, arguments)
    return job.report()


def _open_input(
    arguments: argparse.Namespace, stack: ExitStack
) -> tuple[Iterator[Line], int | None]:
    """Returns the lines and how many they are, where that is known."""
    if arguments.text:
        return (Line(text) for text in arguments.text), len(arguments.text)
    if arguments.input is not None:
        file = stack.enter_context(arguments.input.open("rb"))
        return read_lines(file), count_lines(file) if file.seekable() else None
    if sys.stdin.isatty():
        print("reading from the terminal, one text a line; Ctrl-D ends", file=sys.stderr)
    # Not sys.stdin: a thread that waits in it when the program ends would be a fatal error.
    return read_lines(open(sys.stdin.fileno(), "rb", closefd=False)), None


def _open_output(arguments: argparse.Namespace, stack: ExitStack) -> BinaryIO:
    if arguments.output is None:
        return sys.stdout.buffer
    file: BinaryIO = stack.enter_context(arguments.output.open("wb"))
    return file


class _Job:
    """Lines on their way from the input to the output, and what became of them."""

    def __init__(self, lines: Iterable[Line], output: BinaryIO, progress: LineProgress) -> None:
        self._lines = lines
        self._output = output
        self._progress = progress
        self._problems: dict[int, str] = {}  # lines that cannot be sent, by index
        self._done = 0
        self._failed = 0
        self._cut: list[int] = []  # numbers of lines whose translations are incomplete

    def run(self, client: Client, arguments: argparse.Namespace) -> None:
        """Translates all lines.

        Raises:
            DragomanError: The job cannot go on; what is written is whole lines.
        """
        try:
            self._write_all(self._results(client, arguments))
        except DragomanError:
            if self._done:
                self._progress.say(
                    f"dragoman translate: stopped after {self._done:,} lines, which are written"
                )
            raise

    def report(self) -> int:
        """Says what is not as it should be, and returns the exit status."""
        if self._cut:
            self._progress.say(
                f"dragoman translate: {len(self._cut):,} of {self._done:,} translations reached "
                f"the maximum decoding length and lack their end: lines {shorten(self._cut)}"
            )
        if self._failed:
            self._progress.say(
                f"dragoman translate: {self._failed:,} of {self._done:,} lines failed"
            )
        return LINES_FAILED if self._failed else OK

    def _results(
        self, client: Client, arguments: argparse.Namespace
    ) -> Generator[StreamResult, None, None]:
        return client.translate_stream(
            self._texts(),
            source_language_code=arguments.source_language,
            target_language_code=arguments.target_language,
            model=arguments.model,
            beam_size=arguments.beam_size,
            max_decoding_length=arguments.max_decoding_length,
            return_scores=False,
            max_concurrency=arguments.concurrency,
        )

    def _write_all(self, results: Generator[StreamResult, None, None]) -> None:
        with closing(results):
            for result in results:
                self._output.write(encode_line(self._outcome(result)))
                self._output.flush()
                self._done += 1
                self._progress.update(self._done)

    def _texts(self) -> Iterator[str]:
        """Yields what is sent; a line that cannot be sent keeps its place as an empty text."""
        for index, line in enumerate(self._lines):
            if line.problem:
                self._problems[index] = line.problem
            yield line.text

    def _outcome(self, result: StreamResult) -> str:
        """Returns what is written for a line."""
        problem = self._problems.pop(result.index, "")
        if result.error is not None and _spoils_every_line(result.error):
            raise result.error
        if problem or result.error is not None:
            self._failed += 1
            self._progress.say(
                f"dragoman translate: line {result.index + 1:,}: {problem or result.error}"
            )
            return ""
        if result.translation.finish_reason is FinishReason.LENGTH:
            self._cut.append(result.index + 1)
        return result.translation.translated_text


def _spoils_every_line(error: DragomanError) -> bool:
    """Whether it is about what all lines have in common: the options, or the credentials."""
    if isinstance(error, InvalidArgumentError):
        fields = [violation.field for violation in error.violations]
        return bool(fields) and not any(_is_the_text(field) for field in fields)
    return isinstance(error, NotFoundError | AuthenticationError)


def _is_the_text(field: str) -> bool:
    return field.startswith(("content", "texts["))
