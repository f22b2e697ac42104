"""The peer as a process of its own, as tests/integration/served.py has Dragoman."""

import subprocess
import sys
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from tests.bench.models import Files
from tests.bench.systems import CORES, Precision


@dataclass(frozen=True)
class PeerSetting:
    """How the peer batches."""

    max_batch_size: int = 32
    max_delay_ms: float = 0.0
    workers: int = CORES
    threads: int = 1

    @property
    def how(self) -> str:
        """In a few words."""
        layout = f"{self.workers} x {self.threads}"
        return f"{layout}, batches of up to {self.max_batch_size} after {self.max_delay_ms:g} ms"


class ServedPeer:
    """Started by `with`; stopped with SIGTERM."""

    def __init__(self, files: Files, precision: Precision, setting: PeerSetting) -> None:
        self._command = [sys.executable, "-m", "tests.bench.peer_server"]
        flags = {
            "model": files.ctranslate2,
            "bundle": files.bundle,
            "precision": precision,
            "max-batch-size": setting.max_batch_size,
            "max-delay-ms": setting.max_delay_ms,
            "workers": setting.workers,
            "threads": setting.threads,
        }
        for name, value in flags.items():
            self._command += [f"--{name}", str(value)]
        self.address = ""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line.startswith("listening on "):
            raise RuntimeError("the peer did not start")
        self.address = f"127.0.0.1:{line.split()[-1]}"
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.terminate()
        try:
            self._process.wait(timeout=60)
        finally:
            self._process.kill()
            assert self._process.stdout is not None
            self._process.stdout.close()
