import os
import socketserver
from collections.abc import AsyncIterator

import pytest

from tests.server.service.harness import Running, running


@pytest.fixture(autouse=True)
def no_settings_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("DRAGOMAN_")]:
        monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def metrics_server_that_stops_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    # The standard library's servers look every half second whether to stop.
    patient = socketserver.BaseServer.serve_forever
    monkeypatch.setattr(
        socketserver.BaseServer, "serve_forever", lambda server: patient(server, 0.01)
    )


@pytest.fixture
async def server() -> AsyncIterator[Running]:
    async with running() as server:
        yield server
