"""`dragoman translate`: text, or a file line by line, through a running server.

One line in is one line out (or as many as --num-hypotheses), in order, whatever happens to it: a
line that fails is reported and leaves empty lines. The output is written as it comes, so what is
finished outlives a crash.
Knows the command line and opens the files; line_job.py keeps one line for one line.
"""

import argparse
import sys
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

import grpc

from dragoman.client import Client
from dragoman.errors import DragomanError
from dragoman.line_job import LineJob
from dragoman.lines import Line, count_lines, read_lines
from dragoman.options import EarlyStopping
from dragoman.progress import LineProgress
from dragoman.results import StreamResult

OK = 0
LINES_FAILED = 1
NOT_DONE = 2

_EARLY_STOPPING: dict[str, EarlyStopping] = {"false": False, "true": True, "never": "never"}


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
    if (arguments.tls_certificate is None) != (arguments.tls_private_key is None):
        return "give --tls-certificate and --tls-private-key together"
    if arguments.timeout <= 0:
        return f"--timeout must be more than 0 seconds, not {arguments.timeout:g}"
    return ""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="dragoman translate",
        description="Translate on a running server: the TEXTs, else the lines of a file or of "
        "standard input. One line in is one line out, in order; a line that fails is reported "
        "and leaves an empty line. What is not said is the model's default.",
        epilog="Exit status: 0 all lines are translated; 1 some failed; 2 the job could not be "
        "done, or not to its end.",
    )
    add = parser.add_argument
    add("text", nargs="*", metavar="TEXT", help="a text to translate")
    add("-i", "--input", type=Path, metavar="FILE", help="read the lines of FILE")
    add("-o", "--output", type=Path, metavar="FILE", help="write to FILE, as it comes")
    _add_translation_options(parser.add_argument_group("translation"))
    _add_search_options(parser.add_argument_group("search"))
    _add_server_options(parser.add_argument_group("server"))
    return parser


def _add_translation_options(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("-s", "--source-language", default="", metavar="CODE", help="of the text, such as en")
    add("-t", "--target-language", default="", metavar="CODE", help="to translate into: de")
    add("-m", "--model", default="", metavar="NAME", help="needed where the server has several")
    add("--max-decoding-length", type=int, metavar="N", help="most target tokens of a line")
    add("--min-decoding-length", type=int, metavar="N", help="fewest target tokens of a line")
    add("--max-length-factor", type=float, metavar="X", help="most of them for each source token")
    add("--target-prefix", default="", metavar="TEXT", help="what each translation begins with")
    add(
        "--suppress-sequence",
        action="append",
        default=[],
        metavar="TEXT",
        help="what no translation may have; may be given several times",
    )
    add("--repetition-penalty", type=float, metavar="X", help="above 1: say less twice")
    add("--no-repeat-ngram-size", type=int, metavar="N", help="say no N tokens in a row twice")


def _add_search_options(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--beam-size", type=int, metavar="N", help="1 is greedy search")
    add("--length-penalty", type=float, metavar="X", help="more favours longer translations")
    add(
        "--early-stopping",
        choices=_EARLY_STOPPING,
        help="end when no better one is likely, when N are found, or when none is possible",
    )
    add(
        "--num-hypotheses",
        type=int,
        default=1,
        metavar="N",
        help="write the N best translations of each line, one a line, best first; default: 1",
    )
    add("--sampling-topk", type=int, metavar="N", help="draw each token from the N best")
    add("--sampling-topp", type=float, metavar="P", help="draw from those of probability P only")
    add("--sampling-temperature", type=float, metavar="X", help="above 1: draw unlikely ones more")
    add("--seed", type=int, metavar="N", help="draw the same each time")


def _add_server_options(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--target", default="127.0.0.1:50051", metavar="HOST:PORT", help="default: %(default)s")
    add("--tls", action="store_true", help="use TLS, with the usual certificate authorities")
    add("--tls-ca", type=Path, metavar="FILE", help="use TLS, with the authorities in a PEM file")
    add(
        "--tls-certificate",
        type=Path,
        metavar="FILE",
        help="show this PEM certificate to the server",
    )
    add("--tls-private-key", type=Path, metavar="FILE", help="PEM key of --tls-certificate")
    add(
        "--concurrency",
        type=int,
        default=256,
        metavar="N",
        help="lines at the server at a time; default: %(default)s",
    )
    add(
        "--timeout",
        type=float,
        default=60.0,
        metavar="SECONDS",
        help="give up when no line was answered for so long; default: %(default)g",
    )


def _same_file(first: Path, second: Path) -> bool:
    return first.exists() and second.exists() and first.samefile(second)


def _credentials(arguments: argparse.Namespace) -> grpc.ChannelCredentials | None:
    files = (arguments.tls_ca, arguments.tls_private_key, arguments.tls_certificate)
    if not (arguments.tls or any(files)):
        return None
    return grpc.ssl_channel_credentials(*(file.read_bytes() if file else None for file in files))


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
    return client.translate_stream(
        texts,
        source_language_code=arguments.source_language,
        target_language_code=arguments.target_language,
        model=arguments.model,
        beam_size=arguments.beam_size,
        max_decoding_length=arguments.max_decoding_length,
        min_decoding_length=arguments.min_decoding_length,
        length_penalty=arguments.length_penalty,
        max_length_factor=arguments.max_length_factor,
        num_hypotheses=arguments.num_hypotheses if arguments.num_hypotheses > 1 else None,
        early_stopping=_EARLY_STOPPING.get(arguments.early_stopping),
        repetition_penalty=arguments.repetition_penalty,
        no_repeat_ngram_size=arguments.no_repeat_ngram_size,
        suppress_sequences=arguments.suppress_sequence,
        target_prefix=arguments.target_prefix,
        sampling_topk=arguments.sampling_topk,
        sampling_topp=arguments.sampling_topp,
        sampling_temperature=arguments.sampling_temperature,
        seed=arguments.seed,
        return_scores=False,
        max_concurrency=arguments.concurrency,
    )
