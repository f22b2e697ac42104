"""`dragoman serve`: exit codes, and one line where it cannot start."""

import asyncio
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dragoman_server import cli
from dragoman_server.application import Application
from dragoman_server.config import Config
from dragoman_server.ending import LastWord
from dragoman_server.monitoring.metrics import Metrics
from tests.server.bundles import write_bundle
from tests.server.service.fakes import FakeEngine
from tests.server.service.harness import make_application

FREE_PORTS = ["--port", "0", "--prometheus-port", "0"]


class SignallingEngine(FakeEngine):
    """Gets this process a signal as soon as it serves."""

    number = signal.SIGTERM
    signalled = False

    @property
    def stalled(self) -> bool:
        if not self.signalled:
            self.signalled = True
            os.kill(os.getpid(), self.number)
        return False

    @stalled.setter
    def stalled(self, _: bool) -> None:
        pass


class SlowEngine(FakeEngine):
    """Gets this process a signal while it starts, which takes for ever."""

    async def start(self) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.Event().wait()


class FailingEngine(FakeEngine):
    """Cannot be started."""

    error: Exception

    async def start(self) -> None:
        raise self.error


@pytest.fixture(autouse=True)
def unchanged_logging(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "configure_logging", lambda *_: None)


@pytest.fixture(autouse=True)
def _without_nohup() -> Iterator[None]:
    """The tests may run under it, and then the server would ignore what ends it here."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.fixture
def fake_build(monkeypatch: pytest.MonkeyPatch) -> None:
    def build(config: Config) -> Application:
        return make_application(config, SignallingEngine(), Metrics())

    monkeypatch.setattr(cli, "_build", build)


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        yield int(taken.getsockname()[1])


@pytest.mark.usefixtures("fake_build")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGXCPU])
def test_a_signal_drains_and_ends_with_zero(
    number: signal.Signals, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SignallingEngine, "number", number)
    caplog.set_level("INFO", "dragoman_server")
    assert cli.main(["--bundle", "b", *FREE_PORTS]) == 0
    events = [record.getMessage() for record in caplog.records]
    assert events == ["model_loaded", "ready", "draining", "drained", "stopped"]
    assert _last_word(caplog) == (number.name, 0)
    loaded, ready = map(vars, caplog.records[:2])
    assert (loaded["model"], loaded["precision"], loaded["provider"]) == ("tiny", "float32", "cpu")
    assert ready["models"] == ["tiny@1"]


def test_a_server_that_hangs_after_the_drain_is_ended(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    codes, ended = [], threading.Event()

    class HangingEngine(SignallingEngine):
        async def close(self) -> None:
            ended.wait(60)  # and the event loop with it

    def exit_process(code: int) -> None:
        codes.append(code)
        ended.set()

    monkeypatch.setattr(cli, "OVERTIME_SECONDS", 0.5)
    monkeypatch.setattr(cli, "LastWord", lambda: LastWord(exit_process))
    monkeypatch.setattr("logging.disable", lambda *_: None)
    monkeypatch.setattr("logging.shutdown", lambda: None)
    monkeypatch.setattr(
        cli, "_build", lambda config: make_application(config, HangingEngine(), Metrics())
    )
    assert cli.main(["--bundle", "b", *FREE_PORTS, "--drain-timeout-seconds", "0"]) == 1
    assert codes == [1]
    assert _last_word(caplog) == ("drain_hangs", 1)


def test_a_signal_before_it_serves_is_not_kept_waiting(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level("INFO", "dragoman_server")
    monkeypatch.setattr(
        cli, "_build", lambda config: make_application(config, SlowEngine(), Metrics())
    )
    assert cli.main(["--bundle", "b", *FREE_PORTS]) == 0
    assert [record.message for record in caplog.records] == ["model_loaded", "stopped"]
    assert _last_word(caplog) == ("SIGTERM", 0)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (MemoryError(), "could not start: MemoryError: "),
        (RuntimeError("no thread"), "could not start: RuntimeError: no thread"),
    ],
)
def test_what_nobody_thought_of_is_told_when_it_keeps_the_server_from_starting(
    error: Exception,
    reason: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(FailingEngine, "error", error, raising=False)
    monkeypatch.setattr(
        cli, "_build", lambda config: make_application(config, FailingEngine(), Metrics())
    )
    assert cli.main(["--bundle", "b", *FREE_PORTS]) == 2
    assert [record.message for record in caplog.records] == ["stopped"]
    assert _last_word(caplog) == (reason, 2)


@pytest.mark.usefixtures("fake_build")
def test_what_nobody_thought_of_is_told_when_it_ends_a_server(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def drain(_: Application) -> bool:
        raise ValueError("a bug")

    monkeypatch.setattr(Application, "drain", drain)
    assert cli.main(["--bundle", "b", *FREE_PORTS]) == 1
    assert _last_word(caplog) == ("failed", 1)
    assert caplog.records[-1].exc_info is not None


@pytest.mark.usefixtures("fake_build")
@pytest.mark.parametrize("flag", ["--port", "--prometheus-port"])
def test_a_taken_port_is_told_in_one_line(
    flag: str, taken_port: int, capfd: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["--bundle", "b", *FREE_PORTS, flag, str(taken_port)]) == 2
    error = _only_line(capfd)
    assert f"127.0.0.1:{taken_port}" in error
    assert "Address already in use" in error


@pytest.mark.usefixtures("fake_build")
def test_a_tls_file_that_is_missing_is_told_in_one_line(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    files = ["--tls-certificate", str(tmp_path / "c"), "--tls-private-key", str(tmp_path / "k")]
    assert cli.main(["--bundle", "b", *FREE_PORTS, *files]) == 2
    assert f"tls_certificate {tmp_path / 'c'} cannot be read: No such file" in _only_line(capfd)


@pytest.mark.usefixtures("fake_build")
@pytest.mark.parametrize("workers", ["0", "1"])
def test_limits_that_leave_no_memory_for_calls_are_told(
    workers: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    monkeypatch.setattr("dragoman_server.memory.MemoryLimit.left", 1000)
    assert cli.main(["--bundle", "b", *FREE_PORTS, "--workers", workers]) == 2
    assert "leave 1,000 bytes of memory for calls" in capfd.readouterr().err
    assert caplog.messages == []


def test_a_wrong_setting_is_told_in_one_line(capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--bundle", "b", "--port", "x"]) == 2
    assert "--port is 'x'" in _only_line(capfd)


def _remove(file: Path) -> None:
    file.unlink()


def _truncate(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1])


def _tamper(file: Path) -> None:
    file.write_bytes(b"x" * file.stat().st_size)


@pytest.mark.parametrize("damage", [_remove, _truncate, _tamper])
@pytest.mark.parametrize("name", ["bundle.json", "decoder.onnx"])
def test_a_damaged_bundle_is_told_in_one_line(
    name: str,
    damage: Callable[[Path], None],
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    write_bundle(tmp_path / "bundle")
    damage(tmp_path / "bundle" / name)
    assert cli.main(["--bundle", str(tmp_path / "bundle"), *FREE_PORTS]) == 2
    assert name in _only_line(capfd)


def test_a_length_beyond_the_models_positions_is_told(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    write_bundle(tmp_path / "bundle")
    argv = ["--bundle", str(tmp_path / "bundle"), *FREE_PORTS, "--max-input-length", "17"]
    assert cli.main(argv) == 2
    assert "max_input_length is 17; this model allows 1 to 16" in _only_line(capfd)


def _last_word(caplog: pytest.LogCaptureFixture) -> tuple[str, int]:
    """Reason and exit code; only the last line has them."""
    (*others, last) = caplog.records
    assert "stopped" not in [record.message for record in others]
    assert last.message == "stopped"
    return last.__dict__["reason"], last.__dict__["exit_code"]


def _only_line(capfd: pytest.CaptureFixture[str]) -> str:
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("dragoman serve: ")
    return line
