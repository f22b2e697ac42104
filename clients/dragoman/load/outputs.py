"""Where a load test's result goes: standard output and the files that were asked for.

Knows paths and what the disk may say of them. Does not know how a report looks.
"""

import argparse
import dataclasses
import json
import os
from errno import EACCES, EISDIR, ENOTDIR
from pathlib import Path

from dragoman.load.progress import Progress, run_line
from dragoman.load.result import Report


class OutputError(Exception):
    """A file cannot be written; says which and why."""

    def __init__(self, flag: str, path: Path, error: OSError) -> None:
        super().__init__(f"cannot write {flag} {path}: {error.strerror}")


def check_outputs(arguments: argparse.Namespace) -> None:
    """Makes the folders of all outputs, so that nothing is tested whose result would be lost.

    Raises:
        OutputError: One cannot be written.
    """
    for flag, file in (("--json", arguments.json), ("--html", arguments.html)):
        if file is not None:
            _check(flag, file, file.parent)
    if arguments.logs is not None:
        _check("--logs", arguments.logs, arguments.logs)


def _check(flag: str, path: Path, folder: Path) -> None:
    try:
        if folder.exists() and not folder.is_dir():
            raise NotADirectoryError(ENOTDIR, os.strerror(ENOTDIR))
        folder.mkdir(parents=True, exist_ok=True)
        if path != folder and path.is_dir():
            raise IsADirectoryError(EISDIR, os.strerror(EISDIR))
        if not os.access(path if path.exists() else folder, os.W_OK):
            raise PermissionError(EACCES, os.strerror(EACCES))
    except OSError as error:
        raise OutputError(flag, path, error) from None


def tell(report: Report, arguments: argparse.Namespace, progress: Progress) -> None:
    """Prints the result and writes the files.

    Raises:
        OutputError: One could not be written.
    """
    for problem_found in report.wrong:
        print(f"wrong answer: {problem_found}")
    if report.quality is not None:
        quality = report.quality
        print(f"BLEU {quality.bleu:.2f} ({quality.bleu_signature})")
        print(f"chrF {quality.chrf:.2f} ({quality.chrf_signature})")
    if report.search_told:
        print(report.search_told)
    print(run_line(report.result, f"{report.latency_percentile:g}"))
    if arguments.json:
        figures = json.dumps(dataclasses.asdict(report), indent=1) + "\n"
        _write("--json", arguments.json, figures, progress)
    if arguments.html:
        from dragoman.load.html_report import render_report  # noqa: PLC0415  see cli.py's main

        _write("--html", arguments.html, render_report(report), progress)


def _write(flag: str, path: Path, text: str, progress: Progress) -> None:
    try:
        path.write_text(text, "utf-8")
    except OSError as error:
        raise OutputError(flag, path, error) from None
    progress.say(f"wrote {path}")
