"""The page beside a server: found by its entry point, told where the server is."""

import asyncio
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint

import pytest

from dragoman_server import playground
from dragoman_server.errors import ConfigError
from dragoman_server.monitoring import Metrics
from dragoman_server.playground import Playground
from tests.server.service.fakes import FakeEngine
from tests.server.service.harness import make_application, make_config


class FakePage:
    """Notes what it is told."""

    error: OSError | None = None

    def __init__(self, host: str, port: int) -> None:
        self.given = host, port
        self.targets: list[str] = []
        pages.append(self)

    async def start(self, target: str) -> str:
        if self.error is not None:
            raise self.error
        self.targets.append(target)
        return "127.0.0.1:1234"

    async def close(self) -> None:
        self.targets.append("closed")


pages: list[FakePage] = []


def entry(value: str) -> Callable[..., list[EntryPoint]]:
    return lambda **_: [EntryPoint("playground", value, playground.GROUP)] if value else []


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    pages.clear()
    monkeypatch.setattr(FakePage, "error", None)
    monkeypatch.setattr(playground, "entry_points", entry(f"{__name__}:FakePage"))
    monkeypatch.setattr(EntryPoint, "load", lambda _: FakePage)


@pytest.mark.parametrize(
    ("host", "target"),
    [
        ("127.0.0.1", "127.0.0.1:50051"),
        ("0.0.0.0", "127.0.0.1:50051"),
        ("::", "[::1]:50051"),
        ("192.0.2.7", "192.0.2.7:50051"),
        ("2001:db8::7", "[2001:db8::7]:50051"),
        ("localhost", "localhost:50051"),
    ],
)
async def test_the_page_is_told_where_this_machine_reaches_the_server(
    host: str, target: str
) -> None:
    page = Playground(make_config(host=host, playground_host="::1", playground_port=7))
    assert await page.start(50051) == "127.0.0.1:1234"
    await page.close()
    (made,) = pages
    assert made.given == ("::1", 7)
    assert made.targets == [target, "closed"]


async def test_a_taken_port_is_told_with_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FakePage, "error", OSError(98, "Address already in use"))
    page = Playground(make_config(playground_port=7))
    with pytest.raises(ConfigError, match=r"the playground .* 127.0.0.1:7: Address already in use"):
        await page.start(50051)


def test_what_is_missing_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_: EntryPoint) -> None:
        raise ModuleNotFoundError("No module named 'starlette'", name="starlette")

    monkeypatch.setattr(EntryPoint, "load", missing)
    with pytest.raises(ConfigError, match=r"playground needs starlette: .* '\.\[http\]'"):
        Playground(make_config())


def test_a_server_without_the_client_says_what_it_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(playground, "entry_points", entry(""))
    with pytest.raises(ConfigError, match="playground needs the package dragoman"):
        Playground(make_config())


def test_the_entry_point_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert playground._page().__name__ == "Beside"


class Beside:
    """Looks whether the server listens when it starts and when it ends."""

    def __init__(self) -> None:
        self.port = 0
        self.found: list[str] = []

    async def start(self, port: int) -> str:
        self.port = port
        await self._look("started")
        return "127.0.0.1:1234"

    async def close(self) -> None:
        await self._look("closed")

    async def _look(self, event: str) -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.close()
        await writer.wait_closed()
        self.found.append(event)


async def test_it_starts_after_the_server_and_ends_before_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO", "dragoman_server")
    page = Beside()
    application = make_application(make_config(port=0), FakeEngine(), Metrics())
    application._playground = page
    await application.start()
    assert page.found == ["started"]
    (ready,) = [vars(record) for record in caplog.records if record.getMessage() == "ready"]
    assert ready["playground_address"] == "127.0.0.1:1234"
    await application.close()
    assert page.found == ["started", "closed"]


def test_a_server_without_it_imports_nothing_of_it() -> None:
    code = "import sys, dragoman_server.cli; print({'starlette', 'uvicorn'} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"
