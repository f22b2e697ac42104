from pathlib import Path

import pytest

from dragoman.commands import translate
from tests.clients.fake_server import FakeServer


class Command:
    """`dragoman translate` against the fake server, in this process."""

    def __init__(self, server: FakeServer, capture: pytest.CaptureFixture[bytes]) -> None:
        self.server = server
        self._capture = capture
        self.out = self.err = b""

    def __call__(self, *arguments: str | Path) -> int:
        code = translate.main(["--target", self.server.target, *map(str, arguments)])
        self.out, self.err = self._capture.readouterr()
        return code


@pytest.fixture
def command(server: FakeServer, capsysbinary: pytest.CaptureFixture[bytes]) -> Command:
    return Command(server, capsysbinary)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return tmp_path / "source.txt"
