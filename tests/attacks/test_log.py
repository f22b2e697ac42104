"""A log that nobody reads, or that is closed: the server serves and stops as it would with one."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from dragoman import Client, UnavailableError
from tests.integration.served import COMMAND, free_port

CALLS = 20

# At debug a call is a line.
SETTINGS = ("--log-level", "debug", "--prometheus-port", "0")

Streams = Mapping[str, int]


@contextmanager
def nobody_reads() -> Iterator[Streams]:
    """A pipe that is full."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    try:
        while True:
            os.write(writing, b"x" * 4096)
    except BlockingIOError:
        os.set_blocking(writing, True)
    yield {"stderr": writing}
    os.close(writing)
    os.close(reading)


@contextmanager
def the_reader_is_gone() -> Iterator[Streams]:
    reading, writing = os.pipe()
    os.close(reading)
    yield {"stderr": writing}
    os.close(writing)


@contextmanager
def the_disk_is_full() -> Iterator[Streams]:
    full = os.open("/dev/full", os.O_WRONLY)
    yield {"stderr": full}
    os.close(full)


@contextmanager
def serving(bundle: Path, workers: int, shell: str, streams: Streams) -> Iterator[tuple[int, str]]:
    """Yields the process's id and the address."""
    port = free_port()
    command = ["sh", "-c", f'exec "$@" {shell}', "sh", str(COMMAND), "serve", *SETTINGS]
    command += ["--bundle", str(bundle), "--port", str(port), "--workers", str(workers)]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("DRAGOMAN_")}
    process = subprocess.Popen(command, env=environment, **streams)  # type: ignore[call-overload]
    try:
        yield process.pid, f"127.0.0.1:{port}"
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0
    finally:
        process.kill()
        process.wait()


def translate(address: str, calls: int) -> None:
    with Client(address, timeout=60) as client:
        while True:
            try:
                right = client.translate("the cat")
                break
            except UnavailableError:
                pass  # it does not listen yet
        assert all(client.translate("the cat") == right for _ in range(calls))


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("unheard", [nobody_reads, the_reader_is_gone, the_disk_is_full])
def test_a_log_that_cannot_be_written_stops_nothing(
    float32_bundle: Path, workers: int, unheard: Callable[[], AbstractContextManager[Streams]]
) -> None:
    with unheard() as streams, serving(float32_bundle, workers, "", streams) as (_, address):
        translate(address, CALLS)


@pytest.mark.parametrize("workers", [0, 1])
def test_no_socket_gets_the_descriptor_of_a_closed_stream(
    float32_bundle: Path, workers: int
) -> None:
    with serving(float32_bundle, workers, "<&- >&- 2>&-", {}) as (pid, address):
        translate(address, CALLS)
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        assert len(children) == workers
        for process in (pid, *children):
            for descriptor in (0, 1, 2):
                assert str(Path(f"/proc/{process}/fd/{descriptor}").readlink()) == os.devnull
