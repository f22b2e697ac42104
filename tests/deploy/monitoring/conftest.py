"""Two small servers with something to do, and a Prometheus that scrapes them."""

import asyncio
import contextlib
import itertools
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dragoman.v1.translation_pb2 import (
    PRIORITY_BULK,
    PRIORITY_INTERACTIVE,
    TranslateTextRequest,
)
from tests.deploy.monitoring.component import write_rules
from tests.deploy.monitoring.scraping import PROGRAM, Scraping
from tests.deploy.monitoring.stubs import Metadata, make_callers, open_stubs
from tests.export.tiny import SENTENCES
from tests.integration.served import Served

if TYPE_CHECKING:
    from dragoman.v1.translation_pb2_grpc import TranslationServiceAsyncStub

CROWD = 12
"""Texts at once, more than the queue and the rows of a server hold."""


@pytest.fixture(scope="session")
def promtool() -> str:
    """Path of the program."""
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("promtool is not installed: Debian's package prometheus has it")
    return program


@pytest.fixture(scope="session")
def rules_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The rules as Prometheus reads them."""
    return write_rules(tmp_path_factory.mktemp("rules"))


@pytest.fixture(scope="package")
def replicas(
    float32_bundle: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[Served]]:
    """Two servers that are busy while the tests run, for two callers that they know."""
    keys = tmp_path_factory.mktemp("keys") / "keys.yaml"
    callers = list(make_callers(keys, "acme", "batch").values())
    with contextlib.ExitStack() as stack:
        served = [
            stack.enter_context(
                Served(float32_bundle, api_keys=keys, engines=1, max_batch_size=2, max_queue_size=4)
            )
            for _ in range(2)
        ]
        begun, done = threading.Event(), threading.Event()
        addresses = [server.address for server in served]
        clients = threading.Thread(
            target=lambda: asyncio.run(_keep_busy(addresses, callers, begun, done))
        )
        clients.start()
        try:
            assert begun.wait(timeout=60)
            yield served
        finally:
            done.set()
            clients.join()


@pytest.fixture(scope="package")
def scraping(
    replicas: list[Served], rules_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Scraping]:
    """A Prometheus that scrapes both servers and evaluates the rules."""
    if PROGRAM is None:
        pytest.skip("prometheus is not installed: Debian's package prometheus has it")
    pods = {f"dragoman-{number}": server.metrics_address for number, server in enumerate(replicas)}
    with Scraping(tmp_path_factory.mktemp("prometheus"), pods, rules_file) as scraping:
        yield scraping


async def _keep_busy(
    addresses: list[str], callers: list[Metadata], begun: threading.Event, done: threading.Event
) -> None:
    """Sends what is translated, what is refused and what is wrong; nothing is tried again."""
    async with contextlib.AsyncExitStack() as stack:
        stubs = await open_stubs(stack, addresses)
        while not done.is_set():
            for stub in stubs:
                await _crowd(stub, callers)
            begun.set()


async def _crowd(stub: "TranslationServiceAsyncStub", callers: list[Metadata]) -> None:
    priorities = (PRIORITY_INTERACTIVE, PRIORITY_BULK)
    requests = [
        TranslateTextRequest(contents=[text], priority=priority)
        for text, priority in itertools.product(SENTENCES[: CROWD // 2], priorities)
    ]
    requests.append(TranslateTextRequest())
    answers = [
        stub.TranslateText(request, timeout=60, metadata=caller)
        for request, caller in zip(requests, itertools.cycle(callers), strict=False)
    ]
    await asyncio.gather(*answers, return_exceptions=True)
