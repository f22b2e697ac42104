"""`dragoman translate`: text, or a file line by line, through a running server.

One line in is one line out (or as many as --num-hypotheses), in order, whatever happens to it: a
line that fails is reported and leaves empty lines. The output is written as it comes, so what is
finished outlives a crash.
Knows the command line and opens the files; line_job.py keeps one line for one line.
"""

import argparse
import dataclasses
import sys
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

from dragoman.client import Client
from dragoman.commands.arguments import (
    add_connection_options,
    add_search_options,
    add_translation_options,
    connection_problem,
    credentials,
    translation_options,
)
from dragoman.commands.line_job import LineJob
from dragoman.commands.lines import Line, count_lines, read_lines
from dragoman.commands.progress import LineProgress
from dragoman.errors import DragomanError
from dragoman.results import StreamResult

OK = 0
LINES_FAILED = 1
NOT_DONE = 2


def main(argv: list[str]) -> int:
    """Translates and returns the exit status."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    if problem := _problem(arguments):
        parser.error(problem)
    try:
        return _translate(arguments)
    except BrokenPipeError:
        raise
    except (DragomanError, OSError) as error:
        print(f"dragoman translate: {error}", file=sys.stderr)
        return NOT_DONE


def _problem(arguments: argparse.Namespace) -> str:
    """Returns what is wrong with the command line; empty where nothing is."""
    if arguments.text and arguments.input:
        return "give either TEXT or --input"
    if arguments.input and arguments.output and _same_file(arguments.input, arguments.output):
        return f"--output is the input, {arguments.input}: it would be overwritten unread"
    for name in ("concurrency", "num_hypotheses"):
        if getattr(arguments, name) < 1:
            flag = name.replace("_", "-")
            return f"--{flag} must be at least 1, not {getattr(arguments, name)}"
    return connection_problem(arguments)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="dragoman translate",
        description="Translate on a running server: the TEXTs, or else the lines of a file or of "
        "standard input. One line in is one line out, in order; a line that fails is reported "
        "and leaves an empty line. Options left out take the model's defaults.",
        epilog="Exit status: 0 all lines are translated; 1 some failed; 2 the job could not be "
        "started or finished.",
    )
    add = parser.add_argument
    add("text", nargs="*", metavar="TEXT", help="a text to translate")
    add("-i", "--input", type=Path, metavar="FILE", help="read the lines of FILE")
    add(
        "-o",
        "--output",
        type=Path,
        metavar="FILE",
        help="write to FILE, line by line as results come",
    )
    add_translation_options(parser.add_argument_group("translation"))
    search = parser.add_argument_group("search")
    add_search_options(search)
    search.add_argument(
        "--num-hypotheses",
        type=int,
        default=1,
        metavar="N",
        help="write the N best translations of each line, one per line, best first; default: 1",
    )
    search.add_argument(
        "--seed", type=int, metavar="N", help="sample the same translations each time"
    )
    server = parser.add_argument_group("server")
    add_connection_options(server)
    server.add_argument(
        "--concurrency",
        type=int,
        default=256,
        metavar="N",
        help="lines in flight at a time; default: %(default)s",
    )
    server.add_argument(
        "--timeout",
        type=float,
        default=60.0,
        metavar="SECONDS",
        help="give up when no line is answered for this long; default: %(default)g",
    )
    server.add_argument(
        "--retry-seconds",
        type=float,
        metavar="SECONDS",
        help="how long to wait for a server that is not there or has no room; 0: not at all; "
        "default: 5 until it is reached, then --timeout",
    )
    return parser


def _same_file(first: Path, second: Path) -> bool:
    return first.exists() and second.exists() and first.samefile(second)


def _translate(arguments: argparse.Namespace) -> int:
    with ExitStack() as stack:
        lines, total = _open_input(arguments, stack)
        client = stack.enter_context(
            Client(
                arguments.target,
                credentials=credentials(arguments),
                timeout=arguments.timeout,
                retry_seconds=arguments.retry_seconds,
            )
        )
        client.models()  # a wrong target must not cost the user the last output
        output = _open_output(arguments, stack)
        bar_wanted = sys.stderr.isatty() and not output.isatty() and not arguments.text
        progress = stack.enter_context(LineProgress(total=total, wanted=bar_wanted))
        job = LineJob(lines, output, progress, num_hypotheses=arguments.num_hypotheses)
        job.write(_results(client, job.texts(), arguments))
        return LINES_FAILED if job.report() else OK


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


def _results(
    client: Client, texts: Iterator[str], arguments: argparse.Namespace
) -> Generator[StreamResult, None, None]:
    options = translation_options(arguments)
    wanted = arguments.num_hypotheses if arguments.num_hypotheses > 1 else None
    return client.translate_stream(
        texts,
        **dataclasses.asdict(
            dataclasses.replace(options, num_hypotheses=wanted, seed=arguments.seed)
        ),
        max_concurrency=arguments.concurrency,
    )
