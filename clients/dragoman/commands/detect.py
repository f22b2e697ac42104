"""`dragoman detect`: in which language texts are, or the lines of a file.

Knows the command line. How languages are found out is the server's.
"""

import argparse
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from itertools import islice
from pathlib import Path

from dragoman.client import Client
from dragoman.commands.arguments import (
    add_connection_options,
    api_key,
    connection_problem,
    credentials,
)
from dragoman.commands.errors import CommandError
from dragoman.commands.source import open_source
from dragoman.errors import DragomanError
from dragoman.results import DetectedLanguages

OK, LINES_FAILED, NOT_DONE = 0, 1, 2

LINES_AT_ONCE = 256


def main(argv: Sequence[str]) -> int:
    """Prints a line for each text and returns the exit status."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    if arguments.text and arguments.input:
        parser.error("give either TEXT or --input")
    if problem := connection_problem(arguments):
        parser.error(problem)
    try:
        return _detect(arguments)
    except BrokenPipeError:
        raise
    except (CommandError, DragomanError, OSError) as error:
        print(f"dragoman detect: {error}", file=sys.stderr)
        return NOT_DONE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="dragoman detect",
        description="Say in which language texts are: the TEXTs, or else the lines of a file or of "
        "standard input, each by itself. For each there is a line with the code of its language, "
        "und where none is sure enough, and the likeliest ones with their confidences, which "
        "together are 1. The server must have been started with --detect-languages.",
        epilog="Exit status: 0 every text was looked at; 1 some are no text; 2 it could not be "
        "done.",
    )
    add = parser.add_argument
    add("text", nargs="*", metavar="TEXT", help="a text")
    add("-i", "--input", type=Path, metavar="FILE", help="read the lines of FILE; - reads stdin")
    add(
        "--spans",
        action="store_true",
        help="in place of the likeliest languages say which parts of the text are in which: 0-12 en"
        " 0.98 for its first twelve code points",
    )
    server = parser.add_argument_group("server")
    add_connection_options(server)
    server.add_argument(
        "--timeout",
        type=float,
        default=60.0,
        metavar="SECONDS",
        help="how long a request may take; default: %(default)g",
    )
    return parser


def _detect(arguments: argparse.Namespace) -> int:
    failed = 0
    with ExitStack() as stack:
        source = open_source(arguments.text, arguments.input, stack)
        client = stack.enter_context(
            Client(
                arguments.target,
                credentials=credentials(arguments),
                timeout=arguments.timeout,
                api_key=api_key(arguments),
                insecure_api_key=arguments.insecure_api_key,
            )
        )
        number = 0
        while lines := list(islice(source.lines, LINES_AT_ONCE)):
            found = client.detect([line.text for line in lines], spans=arguments.spans)
            for line, detected in zip(lines, found, strict=True):
                number += 1
                if line.problem:
                    failed += 1
                    print(f"dragoman detect: line {number:,} {line.problem}", file=sys.stderr)
                print(_spans_told(detected) if arguments.spans else _told(detected))
    return LINES_FAILED if failed else OK


def _spans_told(detected: DetectedLanguages) -> str:
    spans = [
        f"{each.begin}-{each.end} {each.language_code} {each.confidence:.2f}"
        for each in detected.spans
    ]
    return "\t".join([detected.language_code, *spans])


def _told(detected: DetectedLanguages) -> str:
    guesses = [f"{each.language_code} {each.confidence:.2f}" for each in detected.languages]
    return "\t".join([detected.language_code, *guesses])
