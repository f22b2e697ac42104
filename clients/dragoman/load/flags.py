"""The command line of `dragoman load`: its flags, and what each is for."""

import argparse
from collections.abc import Callable
from pathlib import Path

from dragoman.commands.arguments import (
    add_connection_options,
    add_priority_option,
    add_search_options,
    add_translation_options,
)
from dragoman.load.allowed import RANGES, TRIAL_BOUNDS

OFFLINE_TEXTS = 32
OFFLINE_CONCURRENCY = 16
METRICS_PORT = 9464
"""What `dragoman serve` serves them on where nothing else is said."""


def parser() -> argparse.ArgumentParser:
    """Returns the parser."""
    made = argparse.ArgumentParser(
        prog="dragoman load",
        description="Load-test a running server with MLPerf LoadGen. In the server scenario "
        "requests of one sentence arrive at random (Poisson) and count from the moment at which "
        "they were due; MLPerf's rule for translation wants 97 % of them within 250 ms.",
        epilog="Exit status: 0 the run is VALID; 1 it is INVALID; 2 it could not be made.",
    )
    _add_test_options(made.add_argument_group("test"))
    _add_sentence_options(made.add_argument_group("sentences"))
    add_translation_options(made.add_argument_group("translation"))
    add_search_options(made.add_argument_group("search"))
    _add_client_options(made.add_argument_group("server and client"))
    _add_output_options(made.add_argument_group("output"))
    return made


def metrics_url(arguments: argparse.Namespace) -> str | None:
    """Returns where the server's metrics are, as told or by default; None for nowhere."""
    if arguments.metrics_url == "none":
        return None
    if arguments.metrics_url:
        return str(arguments.metrics_url)
    host = arguments.target.rpartition("/")[2].rpartition(":")[0]
    return f"http://{host or arguments.target}:{METRICS_PORT}/metrics"


def _add_test_options(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add(
        "--scenario",
        choices=("single-stream", "server", "offline"),
        default="server",
        help="when texts are due: one after the other, at random times, or all at once; default: "
        "%(default)s",
    )
    add(
        "--target-qps",
        type=float,
        metavar="RATE",
        help="requests per second of the server scenario, which needs it or --find-peak; offline, "
        f"the texts per second to be expected; {RANGES['target_qps']}; default: what warming up "
        "reached",
    )
    add(
        "--find-peak",
        action="store_true",
        help="look for the highest rate that keeps the bound, beginning with --target-qps, or with "
        "half of what warming up reached",
    )
    add(
        "--latency-bound-ms",
        type=float,
        default=250.0,
        metavar="MS",
        help="milliseconds, from when a request is due, in which it must be answered in the server "
        f"scenario; {RANGES['latency_bound_ms']}; default: %(default)g",
    )
    add(
        "--percentile",
        type=float,
        default=97.0,
        metavar="PER_CENT",
        help=f"of the requests that must keep the bound; {RANGES['percentile']}; "
        "default: %(default)g",
    )
    _add_durations(add)
    add(
        "--peak-precision",
        type=float,
        default=4.0,
        metavar="PER_CENT",
        help="how close --find-peak comes to the lowest rate that does not keep the bound; "
        f"{RANGES['peak_precision']}; default: %(default)g",
    )
    add(
        "--seed",
        type=int,
        default=0,
        metavar="N",
        help="of the sentences' order and the arrivals' times, which the same seed repeats; from "
        "0; default: %(default)s",
    )


def _add_durations(add: Callable[..., argparse.Action]) -> None:
    add(
        "--duration",
        type=float,
        default=60.0,
        metavar="SECONDS",
        help=f"of a test, at least; {RANGES['duration']}; default: %(default)g",
    )
    add(
        "--trial-duration",
        type=float,
        default=15.0,
        metavar="SECONDS",
        help="of each trial of --find-peak, at least: one that cannot decide is made longer, up to "
        f"8 times this or --duration; from {TRIAL_BOUNDS} times the bound to "
        f"{RANGES['trial_duration'].most:,g}; default: %(default)g",
    )
    add(
        "--warm-up",
        type=float,
        default=3.0,
        metavar="SECONDS",
        help="of requests before the first test, which do not count; "
        f"{RANGES['warm_up']}; default: %(default)g",
    )


def _add_sentence_options(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add(
        "-i",
        "--input",
        type=Path,
        metavar="FILE",
        help="what is translated: UTF-8, a sentence a line; default: a built-in sample in English",
    )
    add(
        "--references",
        type=Path,
        metavar="FILE",
        help="human translations, line by line, for BLEU and chrF; default: neither is told",
    )
    add(
        "--expected",
        type=Path,
        metavar="FILE",
        help="what the server must answer, line by line: anything else makes the run INVALID; "
        "default: any answer is right",
    )
    add(
        "--target-lengths",
        type=Path,
        metavar="FILE",
        help="target tokens that each translation shall have, line by line, from 1: for models "
        "whose weights are random; default: the model decides",
    )


def _add_client_options(group: argparse._ArgumentGroup) -> None:
    add_connection_options(group)
    add_priority_option(group)
    add = group.add_argument
    add(
        "--timeout",
        type=float,
        default=60.0,
        metavar="SECONDS",
        help="deadline of each request, more than 0; default: %(default)g",
    )
    add(
        "--clients",
        type=int,
        default=1,
        metavar="N",
        help=f"processes that send requests in turns; {RANGES['clients']}; default: %(default)s",
    )
    add(
        "--connections",
        type=int,
        default=1,
        metavar="N",
        help=f"TCP connections of each of them; {RANGES['connections']}; default: %(default)s",
    )
    add(
        "--concurrency",
        type=int,
        metavar="N",
        help="most requests in progress while warming up and in the offline scenario; "
        f"{RANGES['concurrency']}; default: 32, offline {OFFLINE_CONCURRENCY}, or "
        f"{OFFLINE_CONCURRENCY * OFFLINE_TEXTS} with --target-lengths",
    )
    add(
        "--texts-per-request",
        type=int,
        metavar="N",
        help=f"of the offline scenario; {RANGES['texts_per_request']}, and no more than the "
        f"server takes; default: {OFFLINE_TEXTS}, or 1 with --target-lengths",
    )
    add(
        "--metrics-url",
        metavar="URL",
        help="http or https, where the server's metrics are, or none, to do without them; default: "
        f"http://HOST:{METRICS_PORT}/metrics, with the target's HOST",
    )


def _add_output_options(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add(
        "--json",
        type=Path,
        metavar="FILE",
        help="write all figures, replacing FILE; default: nothing is written",
    )
    add(
        "--html",
        type=Path,
        metavar="FILE",
        help="write a report with pictures, all in one file; default: nothing is written",
    )
    add(
        "--logs",
        type=Path,
        metavar="DIR",
        help="keep LoadGen's own files, a folder for each test; default: they are deleted",
    )
