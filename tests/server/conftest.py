import os
from collections.abc import AsyncIterator

import pytest

from tests.server.service.harness import Running, running


@pytest.fixture(autouse=True)
def no_settings_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("DRAGOMAN_")]:
        monkeypatch.delenv(name)


@pytest.fixture
async def server() -> AsyncIterator[Running]:
    async with running() as server:
        yield server
