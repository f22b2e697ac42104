"""Servers of the benchmarks' own: processes that say where they listen."""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager


@contextmanager
def listening(module: str, flags: Mapping[str, object]) -> Iterator[tuple[int, str]]:
    """Yields process id and address of a server; it is stopped with SIGTERM.

    Args:
        module: Of the tests; prints `listening on PORT` once it is ready.
        flags: By their names, without dashes.

    Raises:
        RuntimeError: It does not start.
    """
    command = [sys.executable, "-m", module]
    for name, value in flags.items():
        command += [f"--{name}", str(value)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line.startswith("listening on "):
                raise RuntimeError(f"{module} did not start")
            yield process.pid, f"127.0.0.1:{line.split()[-1]}"
            process.terminate()
            process.wait(timeout=60)
        finally:
            process.kill()
