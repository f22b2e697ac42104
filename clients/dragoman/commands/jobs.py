"""What `dragoman translate` does: lines, a document, or the texts of a file with a format.

Knows how source, output and progress make a job. Does not know flags beyond their values;
line_job.py keeps one line for one line, document_job.py all that is between a document's parts,
formatted.py makes texts of files with a format, and the files again.
"""

import argparse
import dataclasses
import sys
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from typing import BinaryIO, NamedTuple

from dragoman.client import Client
from dragoman.commands.document import parts_of
from dragoman.commands.document_job import DocumentJob
from dragoman.commands.errors import CommandError
from dragoman.commands.formatted import (
    Composer,
    FormattedStream,
    TextNames,
    open_document,
    source_of,
)
from dragoman.commands.journal import Run
from dragoman.commands.line_job import LineJob, Translate
from dragoman.commands.output import DocumentFileOutput, FileOutput, Output, Place, StreamOutput
from dragoman.commands.progress import LineProgress
from dragoman.commands.source import Source, open_source, read_document
from dragoman.documents.formats import Format
from dragoman.options import Options
from dragoman.requests import cut_for
from dragoman.results import Model, StreamResult

MOST_CODE_POINTS = 5_000
"""Of a part of a document, where the server does not take less: a page or two."""

PARTS_IN_FLIGHT = 32
"""Of a document: each may have dozens of sentences."""


class Job(NamedTuple):
    """What the command line asks for."""

    arguments: argparse.Namespace
    client: Client
    options: Options
    place: Place | None
    """Where the output file is to be; None for standard output."""
    stack: ExitStack
    """Ends what is opened."""


def translate_lines(job: Job) -> bool:
    """Translates lines, or the texts of the command line; returns whether some failed."""
    arguments, place = job.arguments, job.place
    source = open_source(arguments.text, arguments.input, job.stack)
    _check_resumable(job, source)
    models = job.client.models()
    run = _describe(source.identity, job.options, models)
    output: Output
    if place is None or place.is_stream:
        output = StreamOutput(_open_stream(job))
    else:
        output = FileOutput(place, run, arguments.num_hypotheses)
    lines = LineJob(
        source.lines,
        output,
        _progress(job, source.total, "lines"),
        num_hypotheses=arguments.num_hypotheses,
        alignments=arguments.alignments,
        confidence=arguments.confidence,
    )
    lines.run(_translation(job, job.options, arguments.concurrency))
    return lines.report() > 0


def translate_document(job: Job) -> bool:
    """Translates a text as a whole, in parts; returns whether some failed."""
    options, place = job.options, job.place
    document = read_document(job.arguments.input)
    if options.segmentation is None:
        options = dataclasses.replace(options, segmentation="sentences")
    models = job.client.models()
    most = min(cut_for(models, options.model).code_points, MOST_CODE_POINTS)
    parts = list(parts_of(document.text, most))
    run = _describe(document.identity, options, models) | {"document": most}
    output: Output
    if place is None or place.is_stream:
        output = StreamOutput(_open_stream(job))
    else:
        output = DocumentFileOutput(place, run)
    whole = DocumentJob(parts, output, _progress(job, len(parts), "parts"))
    whole.run(_translation(job, options, min(job.arguments.concurrency, PARTS_IN_FLIGHT)))
    return whole.report() > 0


def translate_formatted(job: Job, form: Format) -> bool:
    """Translates the texts of a file with a format; returns whether some failed."""
    arguments, place = job.arguments, job.place
    document = open_document(arguments, form)
    options = dataclasses.replace(job.options, protect_placeholders=True)
    if document.is_html:
        options = dataclasses.replace(options, mime_type="text/html")
    source = source_of(document, arguments, form)
    _check_resumable(job, source)
    run = _describe(source.identity, options, job.client.models())
    composer = Composer(document)
    output: Output
    if place is None or place.is_stream:
        output = FormattedStream(_open_stream(job), composer)
    else:
        output = FileOutput(place, run, 1, composer)
    names = TextNames(document)
    progress = _progress(job, source.total, names.noun)
    texts = LineJob(source.lines, output, progress, names=names)
    texts.run(_translation(job, options, arguments.concurrency))
    return texts.report() + composer.report() > 0


def _check_resumable(job: Job, source: Source) -> None:
    if job.arguments.resume and source.identity is None:
        raise CommandError("--resume needs --input FILE: a pipe may not say the same again")


def _translation(job: Job, options: Options, concurrency: int) -> Translate:
    def translate(texts: Iterator[str], first: int) -> Generator[StreamResult, None, None]:
        return job.client.translate_stream(
            texts,
            **dataclasses.asdict(options.from_index(first)),
            max_concurrency=concurrency,
        )

    return translate


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


def _open_stream(job: Job) -> BinaryIO:
    if job.place is not None:
        return job.stack.enter_context(job.place.path.open("wb"))
    if sys.stdout is None:
        raise CommandError("standard output is closed: give --output FILE")
    return sys.stdout.buffer


def _progress(job: Job, total: int | None, unit: str) -> LineProgress:
    to_terminal = job.place is None and sys.stdout.isatty()
    wanted = sys.stderr.isatty() and not to_terminal and not job.arguments.text
    return job.stack.enter_context(LineProgress(total=total, wanted=wanted, unit=unit))
