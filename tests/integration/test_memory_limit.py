"""A server under `ulimit -v`: it says at the start what is missing, or serves within it."""

import sys
from pathlib import Path

import pytest

from dragoman import Client
from dragoman_server.memory import START_BYTES
from tests.attacks.harness import memory_bytes
from tests.integration.served import Served

LIMITED = """
import os, resource, sys
resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[1]),) * 2)
os.execv(sys.argv[2], sys.argv[2:])
"""


class Limited(Served):
    """Its address space is no larger than so many bytes."""

    def __init__(self, bundle: Path, space: int) -> None:
        super().__init__(bundle, engines=1, threads_per_engine=1)
        self._command = [sys.executable, "-c", LIMITED, str(space), *self._command]

    def size(self) -> int:
        """Bytes of its address space."""
        return memory_bytes(self.process.pid, "VmSize")


def test_a_server_serves_within_its_limit_or_says_that_it_cannot(float32_bundle: Path) -> None:
    with Limited(float32_bundle, 1 << 40) as server, Client(server.address) as client:
        right = client.translate("the cat")
        needed = server.size()
    with (
        Limited(float32_bundle, needed + START_BYTES + (64 << 20)) as server,
        Client(server.address) as client,
    ):
        assert client.translate("the cat") == right
    scarce = Limited(float32_bundle, needed + START_BYTES // 2)
    with pytest.raises(RuntimeError, match="did not start"), scarce:
        pass
    assert scarce.process.returncode == 2
    assert scarce.log[-1].startswith("dragoman serve: the limits of this process (ulimit -v, -d)")
    assert scarce.process.stderr is not None
    scarce.process.stderr.close()
