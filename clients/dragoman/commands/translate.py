"""`dragoman translate`: text, a file line by line, as one document, or with a format of its own.

One line in is one line out (or as many as --num-hypotheses), in order, whatever happens to it: a
line that fails is reported and leaves empty lines. A document keeps its layout, and a file with a
format all but its texts. Knows the command line; jobs.py does what it says.
"""

import argparse
import dataclasses
import sys
from contextlib import ExitStack
from pathlib import Path

from dragoman.client import Client
from dragoman.commands.arguments import (
    add_connection_options,
    add_priority_option,
    add_search_options,
    add_translation_options,
    api_key,
    connection_problem,
    credentials,
    translation_options,
)
from dragoman.commands.errors import CommandError
from dragoman.commands.formatted import add_format_options, format_problem, given_format
from dragoman.commands.jobs import Job, translate_document, translate_formatted, translate_lines
from dragoman.commands.output import Place
from dragoman.commands.source import STANDARD
from dragoman.commands.terminal import Parser, heed_interrupts
from dragoman.commands.terminology import add_terminology_options, with_terminology
from dragoman.errors import DragomanError

OK = 0
LINES_FAILED = 1
NOT_DONE = 2

PLAIN = "text/plain"


def main(argv: list[str]) -> int:
    """Translates and returns the exit status."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    if problem := _problem(arguments):
        parser.error(problem)
    try:
        with heed_interrupts():
            return _translate(arguments)
    except BrokenPipeError:
        raise
    except (CommandError, DragomanError, OSError) as error:
        print(f"dragoman translate: {error}", file=sys.stderr)
        return NOT_DONE


def _problem(arguments: argparse.Namespace) -> str:
    """Returns what is wrong with the command line; empty where nothing is."""
    if problem := _input_problem(arguments):
        return problem
    place = _place(arguments)
    if place is None and (arguments.force or arguments.resume):
        return "--force and --resume are about the file of --output"
    if arguments.input and place and _same_file(arguments.input, place.path):
        return f"--output is the input, {arguments.input}: it would be overwritten"
    if arguments.input and place and _same_file(arguments.input, place.partial):
        return f"--input is the unfinished output, {arguments.input}: it would be overwritten"
    for name in ("concurrency", "num_hypotheses"):
        if getattr(arguments, name) < 1:
            flag = name.replace("_", "-")
            return f"--{flag} must be at least 1, not {getattr(arguments, name)}"
    return format_problem(arguments) or connection_problem(arguments)


def _input_problem(arguments: argparse.Namespace) -> str:
    if arguments.text and arguments.input:
        return "give either TEXT or --input"
    if arguments.document and (arguments.text or arguments.num_hypotheses > 1):
        return "--document is for --input or standard input, and gives one translation"
    form = given_format(arguments)
    other = f"files of the format {form.name}" if form else arguments.mime_type
    for flag in ("document", "alignments"):
        if other not in {None, PLAIN} and getattr(arguments, flag):
            return f"--{flag} is about plain text, not about {other}"
    if form and arguments.confidence:
        return f"--confidence is about lines, not about {other}"
    return _column_problem(arguments)


def _column_problem(arguments: argparse.Namespace) -> str:
    """Returns what does not go with what is written behind translations."""
    for flag in ("alignments", "confidence"):
        if getattr(arguments, flag) and arguments.document:
            return f"--{flag} is about lines: leave out --document"
        if getattr(arguments, flag) and arguments.num_hypotheses > 1:
            return f"--{flag} is about one translation: leave out --num-hypotheses"
    return ""


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="dragoman translate",
        description="Translate on a running server: the TEXTs, or else the lines of a file or of "
        "standard input. One line in is one line out, in order; a line that fails is reported "
        "and leaves an empty line. Of a file with a format, such as .po or .html, only texts are "
        "translated. Options left out take the model's defaults.",
        epilog="Exit status: 0 all lines are translated; 1 some failed; 2 the job could not be "
        "started or finished.",
    )
    add = parser.add_argument
    add("text", nargs="*", metavar="TEXT", help="a text to translate")
    add("-i", "--input", type=Path, metavar="FILE", help="read the lines of FILE; - reads stdin")
    add(
        "-o",
        "--output",
        type=Path,
        metavar="FILE",
        help="write FILE, which is there once it is whole; an interrupted run keeps what it has "
        "done in FILE.partial; - writes to stdout",
    )
    add(
        "--document",
        action="store_true",
        help="the input is one text of any length, of which line breaks, blank lines, indentation "
        "and list markers are kept; --segmentation is sentences unless it is given",
    )
    add("--force", action="store_true", help="overwrite FILE, and drop an unfinished run")
    add(
        "--resume",
        action="store_true",
        help="go on with an unfinished run of FILE, which had the same input and options",
    )
    add_format_options(parser.add_argument_group("files with a format"))
    translation = parser.add_argument_group("translation")
    add_translation_options(translation)
    translation.add_argument(
        "--alignments",
        action="store_true",
        help="write behind each translation, after a tab, which words stand for each other: 0-0 1-2"
        " by their numbers between spaces, those of the line first",
    )
    translation.add_argument(
        "--confidence",
        action="store_true",
        help="write behind each translation, after a tab, how sure it is, from 0 to 1: the chrF "
        "that it can be expected to have; of models that are calibrated",
    )
    translation.add_argument(
        "--mime-type",
        choices=(PLAIN, "text/html"),
        help="what the texts or lines are; tags of text/html are kept; default: text/plain",
    )
    translation.add_argument(
        "--mixed-languages",
        action="store_true",
        help="translate each part of a text from its own language, and leave what is in the target "
        "language, or in one that cannot be translated; default: one language a text",
    )
    add_terminology_options(parser.add_argument_group("terminology"))
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
    add_priority_option(server)
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
    options = dataclasses.replace(
        with_terminology(translation_options(arguments), arguments),
        num_hypotheses=arguments.num_hypotheses if arguments.num_hypotheses > 1 else None,
        seed=arguments.seed,
        return_alignment=arguments.alignments,
        return_confidence=arguments.confidence,
        mime_type=arguments.mime_type,
        mixed_languages=arguments.mixed_languages,
    )
    if place := _place(arguments):
        place.check()
    with ExitStack() as stack:
        client = stack.enter_context(
            Client(
                arguments.target,
                credentials=credentials(arguments),
                timeout=arguments.timeout,
                retry_seconds=arguments.retry_seconds,
                api_key=api_key(arguments),
                insecure_api_key=arguments.insecure_api_key,
            )
        )
        job = Job(arguments, client, options, place, stack)
        if arguments.document:
            failed = translate_document(job)
        elif form := given_format(arguments):
            failed = translate_formatted(job, form)
        else:
            failed = translate_lines(job)
        return LINES_FAILED if failed else OK


def _place(arguments: argparse.Namespace) -> Place | None:
    """Returns where the output file is to be; None for standard output."""
    if arguments.output in {None, STANDARD}:
        return None
    return Place(arguments.output, force=arguments.force, resume=arguments.resume)
