"""The command `dragoman growth`: arguments in, a table on stdout, pictures and JSON in a folder."""

import argparse
import json
import os
import sys
from pathlib import Path

from dragoman.machine import cores
from dragoman_export.errors import ExportError, UsageError
from dragoman_export.growth.bundle import MeasuredBundle
from dragoman_export.growth.chart import draw
from dragoman_export.growth.measure import measure
from dragoman_export.growth.report import Growth

FAILURE = 2
SHORTEST = 8
LONGEST_UNASKED = 2048
"""Tokens: attention's memory grows with the square as well."""
MOST_SECONDS = 86_400.0
LEAST_LENGTHS = 3
"""As many coefficients as are fitted."""

NAME = "growth"
"""Of the files."""


def main(argv: list[str]) -> int:
    """Runs the command; `argv` are the arguments after `growth`.

    Returns:
        0, or 2 after one clear message on stderr.
    """
    arguments = _parser().parse_args(argv)
    try:
        bundle = MeasuredBundle.read(arguments.bundle)
        lengths = _lengths(arguments.lengths, bundle.max_positions)
        folder = _folder(arguments.output)
        loads = [os.getloadavg()[0]]
        points = measure(
            bundle, lengths, threads=arguments.threads, seconds=arguments.seconds, tell=_tell
        )
    except ExportError as error:
        print(f"dragoman growth: {error}", file=sys.stderr)
        return FAILURE
    loads.append(os.getloadavg()[0])
    growth = Growth(bundle, arguments.threads, points, [round(load, 2) for load in loads])
    what = f"{bundle.name}, {bundle.precision}; load averages {growth.load_averages}"
    print(f"milliseconds of encoding one sentence, {what}\n")
    print(f"{growth.table()}\n\n{growth.sentence()}")
    _write(folder, growth)
    return 0


def default_lengths(most: int) -> list[int]:
    """Returns powers of two and what is half-way between them, from 8 tokens to the most."""
    most = min(most, LONGEST_UNASKED)
    lengths = {most}
    power = SHORTEST
    while power <= most:
        lengths |= {power, power * 3 // 2}
        power *= 2
    return sorted(length for length in lengths if length <= most)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="dragoman growth",
        description="Measure and draw what encoding a sentence costs over its length: attention, "
        "which grows with the square, linear layers, and beside them a recurrent encoder (a "
        "bidirectional LSTM of random weights in float32, as wide and as deep), and a decoding "
        "step half-way through a translation as long. Writes growth.png, growth.svg and "
        "growth.json, which has every sample.",
        epilog="Exit status: 0, or 2 where there is nothing to measure.",
    )
    add = parser.add_argument
    add("--bundle", type=Path, required=True, metavar="DIR", help="whose encoder is measured")
    add(
        "--output",
        type=Path,
        default=Path(),
        metavar="DIR",
        help="where the files are written; default: here",
    )
    add(
        "--threads",
        type=_threads,
        default=1,
        metavar="N",
        help="of each graph; default: %(default)s, as the server's engines mostly have",
    )
    add(
        "--lengths",
        type=_length,
        nargs="+",
        metavar="N",
        help=f"source tokens; default: {SHORTEST}, 12, 16, 24, ... to the model's longest, at most "
        f"{LONGEST_UNASKED:,}",
    )
    add(
        "--seconds",
        type=_seconds,
        default=60.0,
        metavar="S",
        help="about how long to measure; each length is measured once, however long that takes; "
        "default: %(default)g",
    )
    return parser


def _lengths(given: list[int] | None, most: int) -> list[int]:
    """Returns the lengths to measure.

    Raises:
        UsageError: They are too few, or more than the model takes.
    """
    if given is None:
        return default_lengths(most)
    lengths = sorted(set(given))
    if lengths[-1] > most:
        raise UsageError(f"--lengths {lengths[-1]:,}: this model takes at most {most:,} tokens")
    if len(lengths) < LEAST_LENGTHS:
        raise UsageError(f"--lengths has {len(lengths)}; needed: at least {LEAST_LENGTHS} of them")
    return lengths


def _folder(path: Path) -> Path:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot write --output {path}: {error.strerror}") from None
    return path


def _write(folder: Path, growth: Growth) -> None:
    drawn = draw(growth)
    (folder / f"{NAME}.png").write_bytes(drawn.png)
    (folder / f"{NAME}.svg").write_text(drawn.svg, "utf-8")
    (folder / f"{NAME}.json").write_text(json.dumps(growth.json(), indent=1) + "\n", "utf-8")
    _tell(f"wrote {folder / NAME}.png, .svg and .json")


def _tell(line: str) -> None:
    print(line, file=sys.stderr)


def _length(text: str) -> int:
    return _whole(text, 1, 1 << 20)


def _threads(text: str) -> int:
    return _whole(text, 1, cores())


def _whole(text: str, least: int, most: int) -> int:
    if not text.isdecimal() or not least <= int(text) <= most:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from {least} to {most:,}")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= MOST_SECONDS:
        allowed = f"from 0 to {MOST_SECONDS:,.0f}"
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds {allowed}")
    return seconds
