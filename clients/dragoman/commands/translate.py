"""`dragoman translate`: text, or a file line by line or as one document, through a running server.

One line in is one line out (or as many as --num-hypotheses), in order, whatever happens to it: a
line that fails is reported and leaves empty lines. A document keeps its layout.
Knows the command line; output.py and source.py know files, line_job.py keeps one line for one line,
document_job.py all that is between a document's parts.
"""

import argparse
import dataclasses
import sys
from collections.abc import Generator, Iterator
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
from dragoman.commands.document import parts_of
from dragoman.commands.document_job import DocumentJob
from dragoman.commands.errors import CommandError
from dragoman.commands.journal import Run
from dragoman.commands.line_job import LineJob, Translate
from dragoman.commands.output import (
    DocumentFileOutput,
    FileOutput,
    Output,
    Place,
    StreamOutput,
)
from dragoman.commands.progress import LineProgress
from dragoman.commands.source import STANDARD, open_source, read_document
from dragoman.commands.terminal import heed_interrupts
from dragoman.commands.terminology import add_terminology_options, with_terminology
from dragoman.errors import DragomanError
from dragoman.options import Options
from dragoman.requests import cut_for
from dragoman.results import Model, StreamResult

OK = 0
LINES_FAILED = 1
NOT_DONE = 2

MOST_CODE_POINTS = 5_000
"""Of a part of a document, where the server does not take less: a page or two."""

PARTS_IN_FLIGHT = 32
"""Of a document: each may have dozens of sentences."""


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
    return connection_problem(arguments)


def _input_problem(arguments: argparse.Namespace) -> str:
    if arguments.text and arguments.input:
        return "give either TEXT or --input"
    if arguments.document and (arguments.text or arguments.num_hypotheses > 1):
        return "--document is for --input or standard input, and gives one translation"
    return ""


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
    add_translation_options(parser.add_argument_group("translation"))
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
        if arguments.document:
            return _translate_document(arguments, client, options, place, stack)
        return _translate_lines(arguments, client, options, place, stack)


def _translate_lines(
    arguments: argparse.Namespace,
    client: Client,
    options: Options,
    place: Place | None,
    stack: ExitStack,
) -> int:
    source = open_source(arguments.text, arguments.input, stack)
    if arguments.resume and source.identity is None:
        raise CommandError("--resume needs --input FILE: a pipe may not say the same again")
    models = client.models()
    output = _open_output(place, _describe(source.identity, options, models), arguments, stack)
    progress = stack.enter_context(_progress(source.total, arguments, place))
    job = LineJob(source.lines, output, progress, num_hypotheses=arguments.num_hypotheses)
    job.run(_translation(client, options, arguments.concurrency))
    return LINES_FAILED if job.report() else OK


def _translate_document(
    arguments: argparse.Namespace,
    client: Client,
    options: Options,
    place: Place | None,
    stack: ExitStack,
) -> int:
    document = read_document(arguments.input)
    if options.segmentation is None:
        options = dataclasses.replace(options, segmentation="sentences")
    models = client.models()
    most = min(cut_for(models, options.model).code_points, MOST_CODE_POINTS)
    parts = list(parts_of(document.text, most))
    run = _describe(document.identity, options, models) | {"document": most}
    output = _open_output(place, run, arguments, stack)
    progress = stack.enter_context(_progress(len(parts), arguments, place))
    job = DocumentJob(parts, output, progress)
    job.run(_translation(client, options, min(arguments.concurrency, PARTS_IN_FLIGHT)))
    return LINES_FAILED if job.report() else OK


def _translation(client: Client, options: Options, concurrency: int) -> Translate:
    def translate(texts: Iterator[str], first: int) -> Generator[StreamResult, None, None]:
        return client.translate_stream(
            texts,
            **dataclasses.asdict(options.from_index(first)),
            max_concurrency=concurrency,
        )

    return translate


def _place(arguments: argparse.Namespace) -> Place | None:
    """Returns where the output file is to be; None for standard output."""
    if arguments.output in {None, STANDARD}:
        return None
    return Place(arguments.output, force=arguments.force, resume=arguments.resume)


def _describe(identity: dict[str, object] | None, options: Options, models: list[Model]) -> Run:
    """Returns all that the output depends on."""
    return {
        "format": 1,
        "input": identity,
        "options": options.deciding(),
        "models": [
            {"name": model.name, "version": model.version, "precision": model.precision}
            for model in models
            if model.answers_to(options.model)
        ],
    }


def _open_output(
    place: Place | None, run: Run, arguments: argparse.Namespace, stack: ExitStack
) -> Output:
    if place is None:
        if sys.stdout is None:
            raise CommandError("standard output is closed: give --output FILE")
        return StreamOutput(sys.stdout.buffer)
    if place.is_stream:
        return StreamOutput(stack.enter_context(place.path.open("wb")))
    if arguments.document:
        return DocumentFileOutput(place, run)
    return FileOutput(place, run, arguments.num_hypotheses)


def _progress(
    total: int | None, arguments: argparse.Namespace, place: Place | None
) -> LineProgress:
    to_terminal = place is None and sys.stdout.isatty()
    wanted = sys.stderr.isatty() and not to_terminal and not arguments.text
    unit = "parts" if arguments.document else "lines"
    return LineProgress(total=total, wanted=wanted, unit=unit)
