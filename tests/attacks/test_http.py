"""Floods over HTTP: callers over gRPC are served, memory stays, and HTTP answers afterwards."""

import json
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.attacks import guarded, http_floods
from tests.attacks.harness import LightCallers, Server
from tests.attacks.test_connections import idle

pytest.importorskip("starlette")

MEGABYTE = 1_000_000

Flood = Callable[[str, float], None]

FLOODS: tuple[Flood, ...] = (
    http_floods.requests_without_pause,
    http_floods.unread_answers,
    http_floods.fields_without_use,
    http_floods.half_bodies,
    http_floods.chunks_of_a_byte,
    http_floods.endless_headers,
    http_floods.comings_and_goings,
)


def rage(server: Server, seconds: float, *floods: Flood) -> None:
    """Lets floods go on beside light callers, who must not notice."""
    before = server.peak_bytes()
    with LightCallers(server.address, timeout=20) as callers:
        until = time.monotonic() + seconds
        threads = [
            threading.Thread(target=flood, args=(http_address(server), until)) for flood in floods
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert (callers.report.wrong, callers.report.errors) == (0, {})
    assert server.peak_bytes() - before < 100 * MEGABYTE
    assert answers(server)


def http_address(server: Server) -> str:
    return server.event("ready")["http_address"]


def answers(server: Server) -> bool:
    body = json.dumps({"q": "the cat", "source": "en", "target": "de"}).encode()
    headers = {"content-type": "application/json", **dict(guarded.metadata())}
    request = urllib.request.Request(f"http://{http_address(server)}/translate", body, headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return bool(json.load(answer)["translatedText"])
    except OSError:  # it is turned away
        return False


@pytest.mark.attack
def test_silent_connections_cost_little_and_are_closed(float32_bundle: Path) -> None:
    with Server(float32_bundle, http_port=0, max_connections=500) as server:
        assert answers(server)
        before = server.rss_bytes()
        with idle(550, int(http_address(server).rpartition(":")[2]), b"POST / HTTP/1.1\r\n"):
            assert not answers(server)
            assert server.rss_bytes() - before < 25 * MEGABYTE
            while not answers(server):
                pass


@pytest.mark.parametrize("flood", FLOODS, ids=lambda flood: flood.__name__)
@pytest.mark.attack
def test_a_flood_costs_others_no_call(float32_bundle: Path, flood: Flood) -> None:
    with Server(float32_bundle, http_port=0) as server:
        rage(server, 5.0, flood)
    assert [line for line in server.log if '"level": "error"' in line] == []


def test_all_floods_at_once_cost_others_no_call(float32_bundle: Path) -> None:
    with Server(float32_bundle, http_port=0) as server:
        rage(server, 1.5, *FLOODS)
    assert [line for line in server.log if '"level": "error"' in line] == []
