"""A server in a process of its own, which is told to leave: exit code and last line of the log."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import grpc
import pytest

from dragoman.v1.translation_pb2 import TranslateTextRequest
from dragoman.v1.translation_pb2_grpc import TranslationServiceStub

ROOT = Path(__file__).parents[2]


class Served(NamedTuple):
    process: "subprocess.Popen[str]"
    address: str

    def events(self) -> Iterator[dict[str, Any]]:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            yield json.loads(line)

    def until(self, event: str) -> dict[str, Any]:
        return next(each for each in self.events() if each["event"] == event)

    def last_words(self) -> tuple[str, int, int]:
        """Reason and exit code in the last line, and the exit code that it has."""
        *others, last = self.events()
        assert "stopped" not in [each["event"] for each in others]
        return last["reason"], last["exit_code"], self.process.wait(timeout=60)


@contextmanager
def serving(*flags: str) -> Iterator[Served]:
    command = [sys.executable, "-m", "tests.server.faked", "--bundle", "b", "--port", "0"]
    process = subprocess.Popen(
        [*command, "--prometheus-port", "0", *flags],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        served = Served(process, "")
        try:
            yield served._replace(address=served.until("ready")["address"])
        finally:
            process.kill()


@contextmanager
def unanswered_call(served: Served) -> Iterator[None]:
    with grpc.insecure_channel(served.address) as channel:
        stub = TranslationServiceStub(channel)
        with pytest.raises(grpc.RpcError):  # there is a connection, so that calls keep their order
            stub.TranslateText(TranslateTextRequest(), wait_for_ready=True)
        call = stub.TranslateText.future(TranslateTextRequest(contents=["a"]))
        with pytest.raises(grpc.RpcError):  # answered after the call came
            stub.TranslateText(TranslateTextRequest())
        yield
        call.cancel()


@pytest.mark.parametrize("workers", [0, 1])
def test_the_second_signal_leaves_at_once(workers: int) -> None:
    with serving("--workers", str(workers)) as served, unanswered_call(served):
        served.process.send_signal(signal.SIGTERM)
        served.until("draining")
        served.process.send_signal(signal.SIGINT)
        assert served.last_words() == ("SIGINT after SIGTERM", 130, 130)


def test_sigquit_leaves_at_once() -> None:
    with serving() as served, unanswered_call(served):
        served.process.send_signal(signal.SIGQUIT)
        assert served.last_words() == ("SIGQUIT", 131, 131)


def test_time_that_runs_out_is_the_last_word() -> None:
    with serving("--drain-timeout-seconds", "0") as served, unanswered_call(served):
        served.process.send_signal(signal.SIGHUP)
        assert served.last_words() == ("drain_timeout", 1, 1)


def kill_worker(served: Served) -> None:
    children = Path(f"/proc/{served.process.pid}/task/{served.process.pid}/children").read_text()
    os.kill(int(children.split()[0]), signal.SIGKILL)


def stop(served: Served) -> None:
    served.process.send_signal(signal.SIGTERM)


@pytest.mark.parametrize(
    ("flags", "act", "expected"),
    [
        (["--workers", "1"], kill_worker, ("worker_died", 1, 1)),
        (["--workers", "1"], stop, ("SIGTERM", 0, 0)),
    ],
)
def test_what_becomes_of_front_end_processes_is_the_last_word(
    flags: list[str], act: Callable[[Served], None], expected: tuple[str, int, int]
) -> None:
    with serving(*flags) as served:
        act(served)
        assert served.last_words() == expected
