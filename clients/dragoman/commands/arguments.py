"""Flags that several commands share: how to translate, and where the server is.

Knows argparse and the names of the flags. Does not know what the commands do.
"""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

import grpc

from dragoman.arguments import MAX_SECONDS
from dragoman.channel import Certificates, tls_credentials
from dragoman.credentials import VARIABLE
from dragoman.options import EarlyStopping, Options, Priority

API_KEY_FLAG = "--api-key"

_HIDDEN = "..."

_EARLY_STOPPING: dict[str, EarlyStopping] = {"false": False, "true": True, "never": "never"}


def add_translation_options(group: argparse._ArgumentGroup) -> None:
    """Adds languages, model, lengths and what may be said."""
    add = group.add_argument
    add(
        "-s",
        "--source-language",
        default="",
        metavar="CODE",
        help="BCP-47 code of the text's language, such as en; default: the model's, where only"
        " one fits, or what the server takes each text for",
    )
    add(
        "-t",
        "--target-language",
        default="",
        metavar="CODE",
        help="BCP-47 code of the language to translate into, such as de; default: the model's, "
        "where only one fits",
    )
    add(
        "-m",
        "--model",
        default="",
        metavar="NAME",
        help="of the model, which must be the server's; default: whichever it has",
    )
    add(
        "--pivot-language",
        default="",
        metavar="CODE",
        help="BCP-47 code of a language to translate through where no model translates directly; "
        "default: the server's, mostly none",
    )
    add(
        "--max-decoding-length",
        type=int,
        metavar="N",
        help="most target tokens of a text; from 1 to the server's limit; default: the model's",
    )
    add(
        "--min-decoding-length",
        type=int,
        metavar="N",
        help="fewest target tokens of a text; from 0 to the most; default: 0",
    )
    add(
        "--max-length-factor",
        type=float,
        metavar="X",
        help="most target tokens for each source token; more than 0, at most 100; default: no "
        "such limit",
    )
    add(
        "--target-prefix",
        default="",
        metavar="TEXT",
        help="text that each translation begins with; default: none",
    )
    add(
        "--suppress-sequence",
        action="append",
        default=[],
        metavar="TEXT",
        help="text that no translation may contain; may be given up to 256 times; default: none",
    )
    add(
        "--repetition-penalty",
        type=float,
        metavar="X",
        help="how much less likely what was said becomes; from 1, which changes nothing, to "
        "10; default: 1",
    )
    add(
        "--no-repeat-ngram-size",
        type=int,
        metavar="N",
        help="never repeat N tokens in a row; 0 allows all; default: 0",
    )
    add(
        "--segmentation",
        choices=("auto", "sentences", "none"),
        help="split texts into sentences that are translated one by one: those of several lines "
        "or of several sentences and more than a few words (auto), all, or none; default: auto",
    )
    add(
        "--guard",
        choices=("off", "warn", "retry"),
        help="look at translations for repetition, loss, another language and the source again, "
        "and say where there is any (warn), or translate it once more before (retry); default: off",
    )


def add_search_options(group: argparse._ArgumentGroup) -> None:
    """Adds beams and sampling."""
    add = group.add_argument
    add(
        "--beam-size",
        type=int,
        metavar="N",
        help="hypotheses kept at each step; from 1, greedy search, to the server's limit, at "
        "most 16; default: 1",
    )
    add(
        "--length-penalty",
        type=float,
        metavar="X",
        help="power of the length that a beam's score is divided by, more favours longer ones;"
        " from -10 to 10; default: 1",
    )
    add(
        "--early-stopping",
        choices=_EARLY_STOPPING,
        help="end a beam when no better one is likely (false), when N are found (true), or "
        "when none is possible (never); default: false",
    )
    add(
        "--sampling-topk",
        type=int,
        metavar="N",
        help="draw each token from the N best; from 1, the best one, to 1,024; default: 1",
    )
    add(
        "--sampling-topp",
        type=float,
        metavar="P",
        help="draw only from the best that together have probability P; more than 0, at most "
        "1; default: 1",
    )
    add(
        "--sampling-temperature",
        type=float,
        metavar="X",
        help="above 1: draw unlikely tokens more often; from 0.01 to 100; default: 1",
    )


def add_connection_options(
    group: argparse._ArgumentGroup, *, target: str = "127.0.0.1:50051"
) -> None:
    """Adds where the server is, `target` if nothing is said, and how to trust it."""
    add = group.add_argument
    where = "where it listens, or any gRPC target"
    where += "; default: %(default)s" if target else ""
    add("--target", default=target, metavar="HOST:PORT", help=where)
    add(
        "--tls",
        action="store_true",
        help="use TLS, with the usual certificate authorities; default: plain text",
    )
    add(
        "--tls-ca",
        type=Path,
        metavar="FILE",
        help="use TLS, with the authorities in a PEM file; default: the usual ones",
    )
    add(
        "--tls-certificate",
        type=Path,
        metavar="FILE",
        help="show this PEM certificate to the server; default: none",
    )
    add("--tls-private-key", type=Path, metavar="FILE", help="PEM key of --tls-certificate")
    add(
        API_KEY_FLAG,
        metavar="KEY",
        help="key or token for the server; others see it in the list of processes: prefer "
        f"--api-key-file; default: the variable {VARIABLE}, or none",
    )
    add(
        "--api-key-file",
        type=Path,
        metavar="FILE",
        help=f"file that holds the key and nothing else; default: as for {API_KEY_FLAG}",
    )
    add(
        "--insecure-api-key",
        action="store_true",
        help="send the key to another machine even without TLS; default: refuse to",
    )


def add_priority_option(group: argparse._ArgumentGroup, default: Priority | None = None) -> None:
    """Adds how urgent the texts are."""
    group.add_argument(
        "--priority",
        choices=("interactive", "bulk"),
        default=default,
        help="bulk gives way to what is interactive, of all the server's callers; default: "
        f"{default or 'interactive'}",
    )


def connection_problem(arguments: argparse.Namespace) -> str:
    """Returns what is wrong with the connection's flags; empty if nothing is."""
    if (arguments.tls_certificate is None) != (arguments.tls_private_key is None):
        return "give --tls-certificate and --tls-private-key together"
    if arguments.api_key is not None and arguments.api_key_file is not None:
        return "give either --api-key or --api-key-file"
    if not arguments.timeout > 0:
        return f"--timeout must be more than 0 seconds, not {arguments.timeout:g}"
    if arguments.timeout > MAX_SECONDS:
        return f"--timeout must be at most {MAX_SECONDS:,.0f} seconds, not {arguments.timeout:g}"
    return ""


def certificates(arguments: argparse.Namespace) -> Certificates | None:
    """Returns what TLS is to use; None for plain text.

    Raises:
        OSError: A file cannot be read.
    """
    files = (arguments.tls_ca, arguments.tls_private_key, arguments.tls_certificate)
    if not (arguments.tls or any(files)):
        return None
    authorities, key, chain = (file.read_bytes() if file else None for file in files)
    return authorities, key, chain


def credentials(arguments: argparse.Namespace) -> grpc.ChannelCredentials | None:
    """Returns what TLS needs, None for plain text; raises as `certificates` does."""
    return tls_credentials(certificates(arguments))


def api_key(arguments: argparse.Namespace) -> str | None:
    """Returns the key that was given; None where none was.

    Raises:
        OSError: The file cannot be read.
    """
    if arguments.api_key_file is not None:
        return str(arguments.api_key_file.read_bytes(), "utf-8", "replace").strip()
    given: str | None = arguments.api_key
    return os.environ.get(VARIABLE) if given is None else given


def shown_command(argv: Sequence[str]) -> list[str]:
    """Returns a command line without its key."""
    shown = []
    for before, argument in zip(("", *argv), argv, strict=False):
        if before == API_KEY_FLAG:
            shown.append(_HIDDEN)
        elif argument.startswith(f"{API_KEY_FLAG}="):
            shown.append(f"{API_KEY_FLAG}={_HIDDEN}")
        else:
            shown.append(argument)
    return shown


def translation_options(arguments: argparse.Namespace) -> Options:
    """Returns the options that the flags say; scores are not asked for."""
    return Options(
        source_language_code=arguments.source_language,
        target_language_code=arguments.target_language,
        model=arguments.model,
        beam_size=arguments.beam_size,
        max_decoding_length=arguments.max_decoding_length,
        min_decoding_length=arguments.min_decoding_length,
        length_penalty=arguments.length_penalty,
        max_length_factor=arguments.max_length_factor,
        early_stopping=_EARLY_STOPPING.get(arguments.early_stopping),
        repetition_penalty=arguments.repetition_penalty,
        no_repeat_ngram_size=arguments.no_repeat_ngram_size,
        suppress_sequences=arguments.suppress_sequence,
        target_prefix=arguments.target_prefix,
        sampling_topk=arguments.sampling_topk,
        sampling_topp=arguments.sampling_topp,
        sampling_temperature=arguments.sampling_temperature,
        return_scores=False,
        priority=arguments.priority,
        segmentation=arguments.segmentation,
        guard=arguments.guard,
        pivot_language_code=arguments.pivot_language,
    )
