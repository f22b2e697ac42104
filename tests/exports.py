"""What is exported once for a whole run of the tests, whichever processes it has."""

import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

EXPORT_SECONDS = 900.0


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
        if path.exists():
            return path
        unfinished = self._directory / "unfinished" / name
        with _in_time_of_its_own(), FileLock(self._directory / "locks" / name):
            if not path.exists():
                _remove(unfinished)  # of one that was ended meanwhile
                make(unfinished)
                unfinished.rename(path)
        return path


@contextmanager
def _in_time_of_its_own() -> Iterator[None]:
    """Lets what is made for all tests take none of the time of the one that asks for it first.

    On a busy machine an export of seconds takes minutes, and whoever waits for it as long.
    pytest-timeout's timer is set to EXPORT_SECONDS meanwhile, where it uses one.
    """
    left, _ = signal.getitimer(signal.ITIMER_REAL)
    if left:
        signal.setitimer(signal.ITIMER_REAL, EXPORT_SECONDS)
    try:
        yield
    finally:
        if left:
            signal.setitimer(signal.ITIMER_REAL, left)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
