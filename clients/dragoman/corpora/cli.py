"""`dragoman corpora`: files of millions of lines on Ray, by a service or by engines in the workers.

    dragoman corpora 'data/*.en' --output translated --bundle bundles/en-de
    dragoman corpora 'data/*.en' --output translated --target dns:///HOST:50051

Line i of a translated file is line i of its input, and every line is accounted for. Run again after
anything died, it goes on where it was. Knows the command line; docs/corpora.md says how to use it.
"""

import argparse
import dataclasses
import functools
import importlib.util
import os
from collections.abc import Sequence
from importlib.metadata import entry_points
from pathlib import Path

from dragoman.commands.arguments import (
    add_connection_options,
    add_priority_option,
    add_search_options,
    add_translation_options,
    api_key,
    certificates,
    connection_problem,
    translation_options,
)
from dragoman.commands.errors import CommandError
from dragoman.commands.terminology import add_terminology_options, with_terminology
from dragoman.corpora.backends.backend import Backend
from dragoman.corpora.backends.service import Service
from dragoman.corpora.errors import JobError
from dragoman.corpora.progress import say
from dragoman.corpora.storage.inputs import JOB_DIRECTORY, find_inputs
from dragoman.corpora.storage.shards import Cut
from dragoman.errors import DragomanError
from dragoman.options import Options

BACKENDS = "dragoman.backends"
"""Entry points of this group make a Backend of what the client does not know."""

OK = 0
LINES_FAILED = 1
NOT_DONE = 2
INTERRUPTED = 130

RUNTIMES = ("onnxruntime", "torch")
"""Libraries that run bundles: one of them is enough for some."""

AT_LEAST_ONE = ("shard_lines", "workers", "cpus", "concurrency")


def main(argv: Sequence[str]) -> int:
    """Translates and returns the exit status."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    if problem := _problem(arguments):
        parser.error(problem)
    try:
        return _translate(arguments)
    except KeyboardInterrupt:
        say("interrupted: run it again to go on")
        return INTERRUPTED
    except BrokenPipeError:  # whoever read what is said here has gone
        raise
    except (JobError, CommandError, DragomanError, OSError) as error:
        say(str(error))
        return NOT_DONE


def _translate(arguments: argparse.Namespace) -> int:
    # Ray takes 3 s to import; and flags are explained where neither it nor numpy is installed.
    from dragoman.corpora.job import Job  # noqa: PLC0415
    from dragoman.corpora.pool import Cluster, translate_shards  # noqa: PLC0415

    cluster = Cluster(arguments.address, arguments.workers, arguments.cpus)
    output = arguments.output.absolute()
    job = Job(
        inputs=find_inputs(arguments.input, output),
        output=output,
        cut=Cut(lines=arguments.shard_lines),
        backend=_backend(arguments),
        options=_options(arguments),
        patience=arguments.patience,
    )
    total = job.run(functools.partial(translate_shards, cluster=cluster))
    say(
        f"{total.lines:,} lines: {total.translated:,} translated, {total.empty:,} empty, "
        f"{total.cut:,} cut, {total.failed:,} failed"
    )
    if total.cut or total.failed:
        say(f"{output / JOB_DIRECTORY / 'problems.jsonl'} says which and why")
    if total.warnings:
        by_reason = ", ".join(f"{count:,} {reason}" for reason, count in total.warnings.items())
        say(f"lines with warnings: {by_reason}; {output / JOB_DIRECTORY / 'warnings.jsonl'}")
    return LINES_FAILED if total.failed else OK


def _options(arguments: argparse.Namespace) -> Options:
    options = dataclasses.replace(translation_options(arguments), seed=arguments.seed)
    return with_terminology(options, arguments)


def _backend(arguments: argparse.Namespace) -> Backend:
    if arguments.target:
        return Service(
            arguments.target,
            certificates(arguments),
            arguments.concurrency,
            arguments.timeout,
            api_key(arguments),
            arguments.insecure_api_key,
        )
    (engines,) = entry_points(group=BACKENDS, name="bundle")
    backend: Backend = engines.load()(arguments.bundle.absolute(), engines=arguments.cpus)
    return backend


def _problem(arguments: argparse.Namespace) -> str:
    """Returns what is wrong with the command line; empty where nothing is."""
    if bool(arguments.target) == bool(arguments.bundle):
        return "give either --target HOST:PORT or --bundle DIR"
    for name in AT_LEAST_ONE:
        if getattr(arguments, name) < 1:
            flag = name.replace("_", "-")
            return f"--{flag} must be at least 1, not {getattr(arguments, name)}"
    if arguments.patience < 0:
        return f"--patience must be at least 0 seconds, not {arguments.patience:g}"
    if importlib.util.find_spec("ray") is None:
        return "Ray is not installed: in a clone of Dragoman, pip install '.[ray]'"
    if arguments.bundle and not any(map(importlib.util.find_spec, RUNTIMES)):
        return (
            "engines in the workers need the server: in a clone, pip install '.[ray,server]', or "
            "'.[ray,torch]' for bundles that PyTorch runs"
        )
    return connection_problem(arguments)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="dragoman corpora",
        description="Translate files line by line on Ray. What is not said is the model's default.",
        epilog="Exit status: 0 all lines are translated; 1 some failed; 2 the job could not be "
        "done, or not to its end.",
    )
    add = parser.add_argument
    add("input", nargs="+", metavar="FILE", help="text, a line each; also patterns: 'data/*.en'")
    add("--output", type=Path, required=True, metavar="DIR", help="where the translations go")
    add("--shard-lines", type=int, default=Cut().lines, metavar="N", help="default: %(default)s")
    add_translation_options(parser.add_argument_group("translation"))
    add_terminology_options(parser.add_argument_group("terms and placeholders"))
    search = parser.add_argument_group("search")
    add_search_options(search)
    search.add_argument("--seed", type=int, metavar="N", help="draw the same each time")
    _add_places(parser)
    return parser


def _add_places(parser: argparse.ArgumentParser) -> None:
    """Adds what translates, and where."""
    add = parser.add_argument_group("engines in the workers").add_argument
    add("--bundle", type=Path, metavar="DIR", help="the model; every machine has it there")
    server = parser.add_argument_group("or a server")
    add_connection_options(server, target="")
    add_priority_option(server, "bulk")
    add = server.add_argument
    add("--concurrency", type=int, default=256, metavar="N", help="lines of a shard at the server")
    add("--timeout", type=float, default=60.0, metavar="SECONDS", help="until it is given up")
    add("--patience", type=float, default=300.0, metavar="SECONDS", help="for it to come back")
    add = parser.add_argument_group("Ray").add_argument
    add("--address", default="local", help="of a running cluster; default: this machine alone")
    add("--workers", type=int, default=1, metavar="N", help="processes; default: %(default)s")
    add(
        "--cpus",
        type=int,
        default=len(os.sched_getaffinity(0)),
        metavar="N",
        help="cores of a worker, with --bundle one engine on each; default: %(default)s",
    )
