"""A disk that is full: the log has no room, and the server serves and leaves as it would."""

import resource
import subprocess
from pathlib import Path

from dragoman import Client
from tests.faults.footprint import until
from tests.faults.harness import Callers
from tests.integration.served import COMMAND, free_port

MOST_BYTES = 20_000
"""Past this limit a write fails as it does on a full disk, with another number."""


def test_a_log_that_fills_the_disk_stops_nothing(float32_bundle: Path, tmp_path: Path) -> None:
    port = free_port()
    serve = [str(COMMAND), "serve", "--bundle", str(float32_bundle), "--port", str(port)]
    serve += ["--prometheus-port", "0", "--log-level", "debug"]  # at debug a call is a line
    log = tmp_path / "log"
    with log.open("wb") as written:
        process = subprocess.Popen(serve, stderr=written, cwd=tmp_path)
        try:
            with Client(f"127.0.0.1:{port}", retry_seconds=60) as client:
                right = client.translate("the cat")
                resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (MOST_BYTES, MOST_BYTES))
                callers = Callers(f"127.0.0.1:{port}", 4)
                with callers.at_it():
                    assert until(lambda: log.stat().st_size == MOST_BYTES, 60)
                    ended = len(callers.ended)
                    assert until(lambda: len(callers.ended) > ended + 100, 60)
                assert (callers.errors, callers.wrong) == ([], [])
                assert client.translate("the cat") == right
            process.terminate()
            assert process.wait(timeout=60) == 0
        finally:
            process.kill()
            process.wait()
    assert [each.name for each in tmp_path.iterdir()] == ["log"], "it wrote other files"
