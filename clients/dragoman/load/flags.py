"""The command line of `dragoman load`: what may be said, and what is wrong with what was said."""

import argparse
from pathlib import Path
from urllib.parse import urlsplit

from dragoman.commands.arguments import (
    add_connection_options,
    add_search_options,
    add_translation_options,
    connection_problem,
)

OFFLINE_TEXTS = 32
OFFLINE_CONCURRENCY = 16
TRIAL_BOUNDS = 4
"""Of the latency, that a trial lasts at least: else every rate would keep the bound."""
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


def problem(arguments: argparse.Namespace) -> str:
    """Returns what is wrong with the command line; empty where nothing is."""
    for name in _POSITIVE:
        value = getattr(arguments, name)
        if value is not None and not value > 0:
            return f"--{name.replace('_', '-')} must be more than 0, not {value:g}"
    if not arguments.percentile < 100:  # noqa: PLR2004  per cent
        return f"--percentile must be below 100, not {arguments.percentile:g}"
    return (
        _scenario_problem(arguments) or _metrics_problem(arguments) or connection_problem(arguments)
    )


def metrics_url(arguments: argparse.Namespace) -> str | None:
    """Returns where the server's metrics are, as told or by default; None for nowhere."""
    if arguments.metrics_url == "none":
        return None
    if arguments.metrics_url:
        return str(arguments.metrics_url)
    host = arguments.target.rpartition("/")[2].rpartition(":")[0]
    return f"http://{host or arguments.target}:{METRICS_PORT}/metrics"


_POSITIVE = (
    "target_qps",
    "latency_bound_ms",
    "percentile",
    "duration",
    "trial_duration",
    "precision",
    "warm_up",
    "clients",
    "connections",
    "concurrency",
    "texts_per_request",
)


def _scenario_problem(arguments: argparse.Namespace) -> str:
    server = arguments.scenario == "server"
    if server and arguments.target_qps is None and not arguments.find_peak:
        return "the server scenario needs --target-qps, or --find-peak"
    if arguments.find_peak and not server:
        return f"--find-peak is of the server scenario, not of {arguments.scenario}"
    if arguments.find_peak and (told := _trial_problem(arguments)):
        return told
    if arguments.texts_per_request and arguments.scenario != "offline":
        return (
            "--texts-per-request is of the offline scenario: in the others each text is a request"
        )
    if arguments.target_lengths and (arguments.texts_per_request or 1) > 1:
        return "--target-lengths needs --texts-per-request 1: all texts of a request share options"
    return ""


def _trial_problem(arguments: argparse.Namespace) -> str:
    fewest = TRIAL_BOUNDS * arguments.latency_bound_ms / 1e3
    if arguments.trial_duration >= fewest:
        return ""
    return (
        f"--trial-duration must be at least {TRIAL_BOUNDS} times --latency-bound-ms, {fewest:g} s, "
        f"not {arguments.trial_duration:g}: in a shorter trial no queue has the time to grow"
    )


def _metrics_problem(arguments: argparse.Namespace) -> str:
    url = arguments.metrics_url
    if url and url != "none" and urlsplit(url).scheme not in {"http", "https"}:
        return f"--metrics-url must be an http URL or none, not {url}"
    return ""


def _add_test_options(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add(
        "--scenario",
        choices=("single-stream", "server", "offline"),
        default="server",
        help="one request after the other; at random times; or all at once. Default: %(default)s",
    )
    add("--target-qps", type=float, metavar="X", help="requests per second of the server scenario")
    add(
        "--find-peak",
        action="store_true",
        help="look for the highest rate that keeps the bound, beginning with --target-qps",
    )
    add(
        "--latency-bound-ms",
        type=float,
        default=250.0,
        metavar="MS",
        help="of the server scenario; default: %(default)g",
    )
    add(
        "--percentile",
        type=float,
        default=97.0,
        metavar="P",
        help="per cent of the requests that must keep it; default: %(default)g",
    )
    add(
        "--duration",
        type=float,
        default=60.0,
        metavar="SECONDS",
        help="of a test, at least; default: %(default)g",
    )
    add(
        "--trial-duration",
        type=float,
        default=15.0,
        metavar="SECONDS",
        help="of each step of --find-peak; what it finds is confirmed for --duration. "
        "Default: %(default)g",
    )
    add(
        "--precision",
        type=float,
        default=4.0,
        metavar="PER_CENT",
        help="of --find-peak; default: %(default)g",
    )
    add(
        "--warm-up",
        type=float,
        default=3.0,
        metavar="SECONDS",
        help="before the first test; default: %(default)g",
    )
    add("--seed", type=int, default=0, metavar="N", help="of order and times; default: %(default)s")


def _add_sentence_options(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("-i", "--input", type=Path, metavar="FILE", help="a sentence a line; default: a sample")
    add("--references", type=Path, metavar="FILE", help="human translations, for BLEU and chrF")
    add(
        "--expected",
        type=Path,
        metavar="FILE",
        help="what the server must answer, line by line; anything else makes the run INVALID",
    )
    add(
        "--target-lengths",
        type=Path,
        metavar="FILE",
        help="target tokens that each translation shall have, line by line: for models whose "
        "weights are random",
    )


def _add_client_options(group: argparse._ArgumentGroup) -> None:
    add_connection_options(group)
    add = group.add_argument
    add(
        "--timeout",
        type=float,
        default=60.0,
        metavar="SECONDS",
        help="deadline of each request; default: %(default)g",
    )
    add("--clients", type=int, default=1, metavar="N", help="client processes; default: 1")
    add("--connections", type=int, default=1, metavar="N", help="of each of them; default: 1")
    add(
        "--concurrency",
        type=int,
        metavar="N",
        help="requests in progress while warming up and in the offline scenario; "
        f"default: 32, offline {OFFLINE_CONCURRENCY}",
    )
    add(
        "--texts-per-request",
        type=int,
        metavar="N",
        help=f"of the offline scenario; default: {OFFLINE_TEXTS}, or 1 with --target-lengths",
    )
    add(
        "--metrics-url",
        metavar="URL",
        help="of the server's metrics, or none; default: http://HOST:9464/metrics",
    )


def _add_output_options(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--json", type=Path, metavar="FILE", help="write all the figures")
    add("--html", type=Path, metavar="FILE", help="write a report with pictures, all in one file")
    add("--logs", type=Path, metavar="DIR", help="keep LoadGen's own files")
