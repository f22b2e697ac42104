"""The playground on a real port: what comes over a connection, and how it begins and ends."""

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dragoman.playground import asked
from dragoman.playground import listening as port
from dragoman.playground.listening import Beside, Listener
from tests.clients.fake_server import FakeServer
from tests.clients.playground.served import GrowingServer, Held, listening

COMMAND = Path(sys.executable).with_name("dragoman")


@pytest.fixture
def growing() -> Iterator[GrowingServer]:
    with GrowingServer() as server:
        yield server


@contextlib.contextmanager
def answer(address: str, text: str, key: str = "") -> Iterator[http.client.HTTPResponse]:
    """Asks for a translation; leaves with the context, whatever is unread."""
    headers = {"content-type": "application/json"}
    if key:
        headers["authorization"] = f"Bearer {key}"
    with contextlib.closing(http.client.HTTPConnection(address, timeout=20)) as connection:
        connection.request("POST", "/api/translate", json.dumps({"text": text}), headers)
        with connection.getresponse() as response:
            yield response


def lines(address: str, text: str, key: str = "") -> list[dict[str, Any]]:
    with answer(address, text, key) as response:
        return [json.loads(line) for line in response]


def test_a_beginning_is_sent_before_the_rest_is_there(growing: GrowingServer) -> None:
    growing.script = held = Held()
    with listening(growing.target) as address, answer(address, "one two") as response:
        assert json.loads(response.readline()) == {"partial_text": "THE BEGINNING"}
        held.let_go()
        *_, last = response.read().splitlines()
        assert json.loads(last)["translation"]["translated_text"] == "ONE TWO"


@pytest.mark.parametrize("key", ["", "somebodys-key"])
def test_who_leaves_frees_the_server_from_the_text(growing: GrowingServer, key: str) -> None:
    growing.script = held = Held()
    with listening(growing.target) as address:
        with answer(address, "one two", key) as response:
            response.readline()
        assert held.left.wait(20)


def test_a_visitors_key_is_sent_with_that_visitors_calls_alone(growing: GrowingServer) -> None:
    with listening(growing.target) as address:
        assert "translation" in lines(address, "one", "mine")[-1]
        assert "translation" in lines(address, "one")[-1]
    assert growing.keys == ["Bearer mine", None]


def test_a_key_that_cannot_be_sent_is_told(growing: GrowingServer) -> None:
    with listening(growing.target) as address:
        (told,) = lines(address, "one", "a b")
    assert told["error"]["reason"] == "INVALID_API_KEY"
    assert growing.keys == []


def test_a_body_that_does_not_arrive_is_not_waited_for(
    growing: GrowingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asked, "READ_SECONDS", 0.05)
    with listening(growing.target) as address, connected(address) as slow:
        slow.sendall(
            b"POST /api/translate HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n"
            b"Content-Type: application/json\r\n\r\n{"
        )
        assert slow.recv(4096).startswith(b"HTTP/1.1 408 ")


CHUNKED = b" HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n"


def test_what_is_no_http_is_hung_up_on_without_a_trace(
    growing: GrowingServer, caplog: pytest.LogCaptureFixture
) -> None:
    with listening(growing.target) as address:
        for parts, status in (
            ((b"\0\r\n\r\n",), b"400"),
            ((b"GET /" + CHUNKED + b"zz\r\n",), b"400"),
            ((b"HEAD /" + CHUNKED + b"zz\r\n",), b"400"),
            ((b"GET /" + CHUNKED, b"zz\r\n"), b"200"),
            ((b"POST /api/translate" + CHUNKED, b"zz\r\n"), b"415"),
        ):
            with connected(address) as connection:
                said = b""
                for part in parts:
                    connection.sendall(part)
                    if part is not parts[-1]:
                        said = connection.recv(1 << 20)
                said += all_of(connection)
            assert said.startswith(b"HTTP/1.1 " + status)
            assert said.count(b"HTTP/1.1") == 1
        assert "translation" in lines(address, "one")[-1]
    assert caplog.messages == []


def test_who_says_nothing_is_hung_up_on(
    growing: GrowingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(port, "TAKE_SECONDS", 0.05)
    monkeypatch.setattr(port, "TICKS", 1)
    with listening(growing.target) as address:
        for said in (b"", b"GET / HTTP/1.1\r\nhost: localhost\r\n"):
            with connected(address) as silent:
                silent.sendall(said)
                assert all_of(silent) == b""


def test_connections_are_bounded(growing: GrowingServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(port, "MOST_CONNECTIONS", 1)
    monkeypatch.setattr(port, "MOST_TOLD", 1)
    with listening(growing.target) as address, connected(address) as first, connected(address):
        first.sendall(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n")
        assert first.recv(4096).startswith(b"HTTP/1.1 503 ")
        with connected(address) as third:
            assert all_of(third) == b""


@contextlib.contextmanager
def connected(address: str) -> Iterator[socket.socket]:
    host, _, number = address.partition(":")
    with socket.create_connection((host, int(number)), timeout=60) as connection:
        yield connection


def all_of(connection: socket.socket) -> bytes:
    """Returns what comes until the server hangs up."""
    said = b""
    with contextlib.suppress(ConnectionResetError):
        while more := connection.recv(1 << 16):
            said += more
    return said


def test_a_port_that_is_taken_is_told_before_anything_runs(growing: GrowingServer) -> None:
    with pytest.raises(OSError, match="in use"):
        Listener("127.0.0.1", growing.port, lambda: pytest.fail("nobody listens"))


async def test_beside_a_server_it_begins_and_ends_with_it(growing: GrowingServer) -> None:
    page = Beside("127.0.0.1", 0)
    await page.close()
    address = await page.start(growing.target)
    assert "translation" in lines(address, "one")[-1]
    await page.close()
    with pytest.raises(ConnectionRefusedError):
        lines(address, "one")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_says_where_the_page_is_and_ends_with_a_signal(
    server: FakeServer, number: signal.Signals
) -> None:
    environment = {**os.environ, "DRAGOMAN_API_KEY": "from-the-environment"}
    command = [str(COMMAND), "playground", "--port", "0", "--target", server.target]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        found = re.match(r"http://(127\.0\.0\.1:\d+)/ is the playg", process.stdout.readline())
        assert found is not None
        with urllib.request.urlopen(f"http://{found[1]}/api/models", timeout=20) as page:
            assert json.load(page)["models"][0]["name"] == "fake"
        process.send_signal(number)
        assert process.wait(20) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""
    assert server.keys == ["Bearer from-the-environment"]
