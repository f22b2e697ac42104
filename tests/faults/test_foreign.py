"""Messages and requests that no client of another service would send: each is refused or answered.

By a server in this process, around an engine that says at once what it is given.
"""

import asyncio
import gc
import logging
import os
import random
import re
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from grpc import aio

from dragoman.v1.translation_pb2 import ListModelsRequest
from tests.faults import http_requests
from tests.faults.messages import message
from tests.server.service.harness import Running, running

foreign = pytest.importorskip("tests.faults.foreign")

http_served = pytest.importorskip("tests.server.interfaces.http_served")

STATUS = re.compile(rb"HTTP/1\.1 \d{3} ")
ANSWERED = {*(b"100 200 400 401 403 404 405 408 413 415 429 504".split())}
"""What a request may be answered with while the server is well."""

SEED = 11
SECRET = "what no client may read"
CALLERS = 24

COLLECTED = 256
"""Messages after which Python's collector looks, which does so next to never in tests: a call that
failed is in a cycle, and a connection may have so many."""

DOCUMENTED = {
    *("OK", "INVALID_ARGUMENT", "NOT_FOUND", "RESOURCE_EXHAUSTED", "UNIMPLEMENTED"),
    *("FAILED_PRECONDITION", "ALREADY_EXISTS"),
}


class Sent(NamedTuple):
    """What was sent, and what was said."""

    number: int
    code: str
    said: str


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Buckets with files, and with what leads elsewhere."""
    bucket = tmp_path / "storage" / "bucket"
    bucket.mkdir(parents=True)
    (bucket / "a.txt").write_text("the cat\n")
    (bucket / "b.html").write_text("<p>the cat")
    (bucket / "t.tsv").write_text("a\tthe cat\n")
    (bucket / "terms.csv").write_text("house,Haus\n")
    (bucket / "folder.txt").mkdir()
    (tmp_path / "secret.txt").write_text(SECRET)
    (bucket / "link.txt").symlink_to(tmp_path / "secret.txt")
    os.mkfifo(bucket / "pipe.txt")
    (tmp_path / "glossaries").mkdir()
    (tmp_path / "glossaries" / "house.tsv").write_text("en\tde\nhouse\tHaus\n")
    return tmp_path


@asynccontextmanager
async def well(folder: Path, caplog: pytest.LogCaptureFixture) -> AsyncIterator[Running]:
    """A server that is as well afterwards as it was before."""
    settings: dict[str, Any] = {
        "interfaces": "google,riva",
        "google_storage": folder / "storage",
        "glossaries": folder / "glossaries",
        "detect_languages": True,
    }
    caplog.set_level(logging.WARNING)
    async with running(**settings) as server:
        server.engine.echo = True
        await server.stub.ListModels(ListModelsRequest())
        before = descriptors()
        yield server
        async with asyncio.timeout(60):
            while descriptors() > before:  # noqa: ASYNC110  a batch that ends wakes nobody
                await asyncio.sleep(0.02)
        assert all(text.future.done() for text in server.engine.texts)
    assert [record.getMessage() for record in caplog.records] == []


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208


async def send(server: Running, numbers: range) -> list[Sent]:
    """Sends the messages of these numbers, some callers side by side."""
    left, methods, sent = iter(numbers), foreign.methods(), list[Sent]()

    async def calls() -> None:
        for number in left:
            if number % COLLECTED == 0:
                gc.collect()
            path, request = methods[number % len(methods)]
            content = message(number, SEED, request, 0.3, foreign.WORDS)
            method: aio.UnaryUnaryMultiCallable[bytes, bytes] = server.channel.unary_unary(path)
            call = method(content, timeout=20)
            code, said = await call.code(), await call.details()
            if code.name == "OK":
                assert SECRET.encode() not in await call
            sent.append(Sent(number, code.name, f"{path}: {said}"))

    await asyncio.gather(*(calls() for _ in range(CALLERS)))
    return sent


COUNTS = [1000, pytest.param(20_000, marks=[pytest.mark.fault, pytest.mark.timeout(1800)])]


@pytest.mark.parametrize("count", COUNTS)
async def test_a_thousand_messages_leave_nothing(
    count: int, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with well(folder, caplog) as server:
        sent = await send(server, range(count))
    assert [each for each in sent if each.code not in DOCUMENTED] == []
    assert DOCUMENTED - {"RESOURCE_EXHAUSTED"} <= {each.code for each in sent}
    check_files(folder)


def check_files(folder: Path) -> None:
    """Nothing was written out of the buckets, and nothing into them that is not theirs."""
    written = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    assert [path.name for path in written if SECRET.encode() in path.read_bytes()] == ["secret.txt"]
    assert {path.name for path in folder.iterdir()} == {"storage", "glossaries", "secret.txt"}


async def say(port: int, content: bytes, chance: random.Random) -> bytes:
    """Sends a request, in pieces or whole; returns all that is said until the server hangs up."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        cut = chance.randrange(len(content) + 1) if chance.random() < 0.3 else 0
        for piece in filter(None, (content[:cut], content[cut:])):
            writer.write(piece)
            await asyncio.sleep(0)
        if chance.random() < 0.1:
            writer.transport.abort()
            return b""
        async with asyncio.timeout(60):
            return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


async def ask(server: Running, numbers: range) -> dict[int, bytes]:
    """Sends the requests of these numbers, some callers side by side."""
    left, port, said = iter(numbers), http_served.port_of(server), dict[int, bytes]()

    async def calls() -> None:
        for number in left:
            chance = random.Random(f"say {SEED} {number}")
            said[number] = await say(port, http_requests.request(number, SEED), chance)

    await asyncio.gather(*(calls() for _ in range(CALLERS)))
    return said


@pytest.mark.parametrize("count", COUNTS)
async def test_a_thousand_requests_leave_nothing(
    count: int, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    listening = pytest.importorskip("dragoman_server.interfaces.http.listening")
    monkeypatch.setattr(listening, "KEEP_ALIVE_SECONDS", 0.02)
    monkeypatch.setattr(listening, "SWEEP_SECONDS", 0.02)
    caplog.set_level(logging.WARNING)
    settings = {"message_timeout_seconds": 0.1, "detect_languages": True}
    async with http_served.speaking_http(**settings) as server:
        said = await ask(server, range(count))
        listener = http_served.front_end_of(server)._http._listener
        async with asyncio.timeout(60):
            while listener._state.tasks or listener._connections:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        assert all(text.future.done() for text in server.engine.texts)
        assert server.sample("dragoman_interface_requests_total", code="INTERNAL") == 0
        assert server.sample("dragoman_interface_requests_total", code="OK") > 100
    statuses = Counter(line[9:12] for each in said.values() for line in STATUS.findall(each))
    assert statuses.keys() <= ANSWERED
    assert [record.getMessage() for record in caplog.records] == []
