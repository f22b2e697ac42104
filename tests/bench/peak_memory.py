"""Runs a command and says how much memory it took, of its own and mapped, and at which stage.

Own memory is what a process has no file behind, which the kernel cannot take back (RssAnon and
RssShmem of /proc/PID/status). Mapped memory is pages of files, weights above all, which the kernel
takes back where others need room. The kernel keeps a high-water mark of the sum alone, so both are
looked at a hundred times a second.
"""

import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

INTERVAL = 0.01
"""Seconds between two looks."""


@dataclass(frozen=True)
class Usage:
    """What a command took."""

    seconds: float
    own_bytes: int
    """Most memory of its own."""
    all_bytes: int
    """Most memory, mapped files' pages among it."""
    stage: str
    """The line on its stderr that was not ended, or ended last, when its own was most."""


def watched(command: Sequence[str | Path]) -> Usage:
    """Runs a command to its end.

    Raises:
        subprocess.CalledProcessError: It failed; what it said on stderr is in the error.
    """
    started = time.perf_counter()
    said: list[str] = []
    own = most = 0
    stage = ""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        reader = threading.Thread(target=_read, args=(process.stderr, said))
        reader.start()
        while process.poll() is None:
            mine, mapped = memory(process.pid)
            if mine > own:
                own, stage = mine, _last_line(said)
            most = max(most, mine + mapped)
            time.sleep(INTERVAL)
        reader.join()
    seconds = time.perf_counter() - started
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command, stderr="".join(said))
    return Usage(seconds, own, most, stage)


def memory(pid: int) -> tuple[int, int]:
    """Returns a process's own memory and the pages of files in it, in bytes; 0 once it ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0, 0
    anonymous, file, shared = (_bytes(status, name) for name in ("Anon", "File", "Shmem"))
    return anonymous + shared, file


def _bytes(status: str, kind: str) -> int:
    _, found, rest = status.partition(f"Rss{kind}:")
    return int(rest.split()[0]) * 1024 if found else 0


def _read(stream: IO[bytes], said: list[str]) -> None:
    """As it comes: a stage's line ends when the stage does."""
    while chunk := stream.read1(1 << 16):  # type: ignore[attr-defined]  # a buffered reader
        said.append(chunk.decode(errors="replace"))


def _last_line(said: Sequence[str]) -> str:
    lines = "".join(said).strip().splitlines()
    return lines[-1].partition(" ...")[0] if lines else ""
