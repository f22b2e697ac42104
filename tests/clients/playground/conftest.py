from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect, sync_playwright
from starlette.testclient import TestClient

from tests.clients.playground.fakes import FakeClients, FakeTranslator, browse
from tests.clients.playground.served import GrowingServer, listening
from tests.clients.playground.visits import CHROMIUM, NARROW, WIDE, Visit, visit


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


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("needs Chromium")
    expect.set_options(timeout=60_000)  # a busy machine takes its time
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox"]  # as root it starts in no other way
        with playwright.chromium.launch(executable_path=CHROMIUM, args=arguments) as browser:
            yield browser


@pytest.fixture
def growing() -> Iterator[GrowingServer]:
    with GrowingServer() as server:
        yield server


@pytest.fixture
def address(growing: GrowingServer) -> Iterator[str]:
    with listening(growing.target) as address:
        yield address


@pytest.fixture
def visited(browser: Browser, address: str) -> Iterator[Visit]:
    yield from visit(browser, address)


@pytest.fixture(params=[NARROW, WIDE])
def sized(browser: Browser, address: str, request: pytest.FixtureRequest) -> Iterator[Visit]:
    yield from visit(browser, address, request.param)
