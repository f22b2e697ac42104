"""The peer as a process of its own, as tests/integration/served.py has Dragoman."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.bench.listening import listening
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


@contextmanager
def served_peer(files: Files, precision: Precision, setting: PeerSetting) -> Iterator[str]:
    """Yields the address of a running peer; it is stopped with SIGTERM.

    Raises:
        RuntimeError: It does not start.
    """
    flags = {
        "model": files.ctranslate2,
        "bundle": files.bundle,
        "precision": precision,
        "max-batch-size": setting.max_batch_size,
        "max-delay-ms": setting.max_delay_ms,
        "workers": setting.workers,
        "threads": setting.threads,
    }
    with listening("tests.bench.peer_server", flags) as (_, address):
        yield address
