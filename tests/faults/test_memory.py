"""The process comes to its limit of memory while it serves: calls are refused meanwhile."""

from pathlib import Path

import pytest

from dragoman import Client, QueueFullError
from dragoman_server.memory import RESERVE_BYTES
from tests.attacks.harness import memory_bytes
from tests.faults.footprint import held
from tests.faults.harness import Callers, Faulty

SPACE = 1 << 40


def test_calls_are_refused_while_there_is_no_memory(float32_bundle: Path, tmp_path: Path) -> None:
    with Faulty(float32_bundle, tmp_path, SPACE) as roomy, Client(roomy.address) as client:
        right = client.translate("the cat")
        needed = memory_bytes(roomy.process.pid, "VmSize")
    folder = tmp_path / "scarce"
    folder.mkdir()
    with Faulty(float32_bundle, folder, needed + (400 << 20)) as server:
        callers = Callers(server.address, 4)
        with callers.at_it():
            server.tell(f"eat {RESERVE_BYTES // 2}")
            with (
                Client(server.address, retry_seconds=0) as late,
                pytest.raises(QueueFullError) as caught,
            ):
                late.translate("the cat")
            assert caught.value.reason == "OUT_OF_MEMORY"
            server.tell("spit")
            with Client(server.address, retry_seconds=60) as again:
                assert again.translate("the cat") == right
        assert {each.reason for each in callers.errors} <= {"OUT_OF_MEMORY"}
        assert callers.wrong == []
        assert not any(held(server).values())
