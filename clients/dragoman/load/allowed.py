"""What may be said on the command line of `dragoman load`, and what is wrong with what was said.

Does not know how flags are read.
"""

import argparse
from typing import NamedTuple
from urllib.parse import urlsplit

from dragoman.commands.arguments import connection_problem

TRIAL_BOUNDS = 4
"""Of the latency, that a trial lasts at least: else every rate would keep the bound."""


class Range(NamedTuple):
    """What a number may be: more than 0, or from `least`, up to `most`."""

    most: float
    least: float = 0.0

    def holds(self, value: float) -> bool:
        """Whether a value is allowed; no number is not."""
        return value <= self.most and (value >= self.least if self.least else value > 0)

    def __str__(self) -> str:
        least = f"from {self.least:,g}" if self.least else "more than 0"
        return f"{least}, at most {self.most:,.10g}"


RANGES = {
    "target_qps": Range(1e6),
    "latency_bound_ms": Range(3.6e6),
    "percentile": Range(99.99),
    "duration": Range(604_800),
    "trial_duration": Range(604_800),
    "peak_precision": Range(100),
    "warm_up": Range(3600),
    "clients": Range(256, 1),
    "connections": Range(1024, 1),
    "concurrency": Range(65_536, 1),
    "texts_per_request": Range(65_536, 1),
}
MAX_SEED = 2**63 - 1


def problem(arguments: argparse.Namespace) -> str:
    """Returns what is wrong with the command line; empty where nothing is."""
    return (
        _range_problem(arguments)
        or _scenario_problem(arguments)
        or _metrics_problem(arguments)
        or connection_problem(arguments)
    )


def _range_problem(arguments: argparse.Namespace) -> str:
    for name, allowed in RANGES.items():
        value = getattr(arguments, name)
        if value is not None and not allowed.holds(value):
            return f"--{name.replace('_', '-')} must be {allowed}, not {value:g}"
    if not 0 <= arguments.seed <= MAX_SEED:
        return f"--seed must be from 0 to {MAX_SEED}, not {arguments.seed}"
    return ""


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
