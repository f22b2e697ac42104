"""`dragoman calibrate`: translates, fits, writes, and says what it is worth.

Knows the command line. Does not know how any of it is done.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from dragoman.v1.bundle_pb2 import Calibration
from dragoman_server.calibration.fitting import calibration_of
from dragoman_server.calibration.pairs import FEWEST_PAIRS, read_pairs
from dragoman_server.calibration.report import cross_validated
from dragoman_server.calibration.translating import Languages, samples_of
from dragoman_server.calibration.writing import write_calibration
from dragoman_server.config import Config
from dragoman_server.errors import DragomanError
from dragoman_server.models import read_manifest

NOT_DONE = 2


def main(argv: Sequence[str]) -> int:
    """Calibrates a bundle; returns 2 where that cannot be done."""
    arguments = _parser().parse_args(argv)
    try:
        calibration = _calibrate(
            arguments.bundle,
            arguments.pairs,
            Languages(arguments.source_language, arguments.target_language),
        )
    except DragomanError as error:
        print(f"dragoman calibrate: {error}", file=sys.stderr)
        return NOT_DONE
    print(_shown(calibration))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="dragoman calibrate",
        description="Find out how good a bundle's translations are where the model is how sure, "
        "from sentences with translations made by people, and write it into the bundle: a server "
        "can then tell how sure it is of a translation and of its words. What is like the "
        "sentences to be translated later is the best to calibrate on.",
    )
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="the bundle's directory")
    parser.add_argument(
        "pairs",
        type=Path,
        metavar="PAIRS",
        help="file of lines: a sentence, a tab, its translation made by people; at least "
        f"{FEWEST_PAIRS} lines, and 1,000 are better",
    )
    for flag, side in (("-s", "source"), ("-t", "target")):
        parser.add_argument(
            flag,
            f"--{side}-language",
            default="",
            metavar="CODE",
            help=f"BCP-47 code of the {side}s' language; default: the model's, where it has one",
        )
    return parser


def _calibrate(bundle: Path, pairs: Path, languages: Languages) -> Calibration:
    read = read_pairs(pairs)
    manifest = read_manifest(bundle)
    print(f"translating {len(read):,} sentences", file=sys.stderr)
    samples = samples_of(Config(bundle=(bundle,)), read, languages)
    calibration = calibration_of(samples)
    calibration.report.CopyFrom(cross_validated(samples))
    write_calibration(bundle, calibration, read=manifest)
    return calibration


def _shown(calibration: Calibration) -> str:
    report, ratio = calibration.report, calibration.length_ratio
    return (
        f"{report.pair_count:,} sentences: calibration error {report.sentence_error:.3f}, "
        f"rank correlation with chrF {report.rank_correlation:.2f}\n"
        f"{report.word_count:,} words: calibration error {report.word_error:.3f}\n"
        f"target tokens per source token, logarithm: {ratio.mean:.3f}, deviation "
        f"{ratio.deviation:.3f}"
    )
