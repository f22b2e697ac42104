"""What is exported once for a whole run of the tests, whichever processes it has."""

import shutil
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock


class Exports:
    """Checkpoints and bundles by name, each made when it is first asked for.

    Several processes may have the same directory: one makes what all of them wait for.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        for part in ("unfinished", "locks"):
            (directory / part).mkdir(parents=True, exist_ok=True)

    def get(self, name: str, make: Callable[[Path], object]) -> Path:
        """Returns the path of that name.

        Args:
            make: Writes to the path that it is given, which nothing is at.
        """
        path = self._directory / name
        unfinished = self._directory / "unfinished" / name
        with FileLock(self._directory / "locks" / name):
            if not path.exists():
                _remove(unfinished)  # of one that was ended meanwhile
                make(unfinished)
                unfinished.rename(path)
        return path


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
