"""Which files are translated, and what their translations are called.

Knows paths and patterns. Does not look into the files.
"""

import glob
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from dragoman.corpora.errors import JobError

JOB_DIRECTORY = "_job"
"""In the output directory: everything that is not a translated file."""


class Input(NamedTuple):
    """A file to be translated."""

    path: Path
    """Absolute: workers have other working directories."""

    name: str
    """Of its translation in the output directory: its own."""


def find_inputs(patterns: Iterable[str], output: Path) -> list[Input]:
    """Returns the files that paths and patterns such as `data/*.en` stand for, sorted by name.

    Raises:
        JobError: A pattern stands for no file, two files have one name, or a translation would
            overwrite its source.
    """
    paths = {path.absolute() for pattern in patterns for path in _match(pattern)}
    inputs = [Input(path, path.name) for path in sorted(paths, key=lambda path: (path.name, path))]
    for first, second in pairwise(inputs):
        if first.name == second.name:
            raise JobError(
                f"{first.path} and {second.path} have the same name, and so would their "
                "translations: translate them into two directories"
            )
    for path, name in inputs:
        if path.parent.resolve() == output.resolve():
            raise JobError(f"{path} would be overwritten: give another --output than {output}")
        if name == JOB_DIRECTORY:
            raise JobError(f"{path}: the name {JOB_DIRECTORY} is taken in the output directory")
    return inputs


def _match(pattern: str) -> list[Path]:
    if Path(pattern).exists():  # also a name with a bracket in it
        found = [Path(pattern)]
    else:
        names = glob.glob(pattern, recursive=True)  # noqa: PTH207  Path.glob takes no absolute one
        found = [Path(name) for name in names]
    files = [path for path in found if not path.is_dir()]
    if not files:
        raise JobError(f"{pattern}: no such file, and none that matches it as a pattern")
    return files
