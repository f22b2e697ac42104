"""`dragoman corpora` in a process of its own, watched through its job directory."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

COMMAND = (str(Path(sys.executable).with_name("dragoman")), "corpora")
POLL_SECONDS = 0.01


class Run:
    """Started by `with`; killed at its end where it still runs.

    Args:
        output: Its --output.
        arguments: The others.
    """

    def __init__(self, output: Path, *arguments: object) -> None:
        self.shards = output / "_job/shards"
        self._command = [*COMMAND, "--output", str(output)]
        self._command += map(str, arguments)
        self._log = output.with_suffix(".log")

    def __enter__(self) -> Self:
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(self._command, stdout=log, stderr=log)
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.process.kill()
        self.process.wait()

    @property
    def log(self) -> str:
        """All that it has printed."""
        return self._log.read_text("utf-8", errors="replace")

    def accounts(self) -> dict[str, bytes]:
        """The accounts of the shards that are finished, by name of the file."""
        return {path.name: path.read_bytes() for path in self.shards.glob("*.json")}

    def workers(self) -> set[int]:
        """The processes that finished shards."""
        accounts = map(json.loads, self.accounts().values())
        return {int(account["worker"].rpartition(":")[2]) for account in accounts}

    def last_worker(self) -> int:
        """The process that finished a shard last."""
        last = max(self.shards.glob("*.json"), key=lambda path: path.stat().st_mtime_ns)
        return int(json.loads(last.read_bytes())["worker"].rpartition(":")[2])

    def wait_for(self, shards: int) -> None:
        """Returns once so many shards are finished."""
        self._wait(lambda: len(self.accounts()) >= shards)

    def end(self) -> int:
        """Waits for the exit status."""
        return self.process.wait()

    def _wait(self, condition: Callable[[], bool]) -> None:
        while not condition():
            if self.process.poll() is not None:
                raise AssertionError(f"it ended with {self.process.returncode}: {self.log}")
            time.sleep(POLL_SECONDS)
