from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from tests.clients.playground.fakes import FakeClients, FakeTranslator, browse


@pytest.fixture
def translator() -> FakeTranslator:
    return FakeTranslator()


@pytest.fixture
def clients(translator: FakeTranslator) -> FakeClients:
    return FakeClients(translator)


@pytest.fixture
def http(clients: FakeClients) -> Iterator[TestClient]:
    with browse(clients) as client:
        yield client
