"""A server in a container: waits until it is ready and keeps its log.

Knows the server's log; the rest is the container's.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from tests.image.container import Container


class Serving:
    """A server that was ready."""

    def __init__(self, container: Container, log: list[str], rest: IO[str]) -> None:
        self.container = container
        self.log = log
        self._reader = threading.Thread(target=log.extend, args=(rest,))
        self._reader.start()

    def stop(self) -> int:
        """Sends SIGTERM, waits for the end and returns the exit code."""
        self.container.signal("TERM")
        return self.wait()

    def wait(self) -> int:
        """Waits for the end and returns the exit code."""
        code = self.container.process.wait(timeout=60)
        self._reader.join(timeout=60)
        return code


@contextmanager
def serving(container: Container) -> Iterator[Serving]:
    """Starts a server, and kills it at the end if it still runs.

    Raises:
        RuntimeError: It did not start; its log.
    """
    with container:
        errors = container.process.stderr
        assert errors is not None
        log = []
        for line in errors:
            log.append(line)
            if line.startswith("{") and json.loads(line)["event"] == "ready":
                break
        else:
            raise RuntimeError(f"the server did not start: {''.join(log)}")
        served = Serving(container, log, errors)
        try:
            yield served
        finally:
            container.kill()
            served.wait()
