"""Floods on a few connections: everybody else is served, and memory stays where it was."""

import os
import threading
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

import grpc
import pytest

from dragoman.v1.translation_pb2 import TranslateTextRequest
from dragoman.v1.translation_pb2_grpc import TranslationServiceStub
from tests.attacks import floods, guarded
from tests.attacks.half_messages import half_messages
from tests.attacks.harness import LightCallers, Server

MEGABYTE = 1_000_000

Flood = Callable[[str, float], object]

FLOODS: dict[str, Flood] = {
    "resets": floods.resets,
    "unread calls": partial(floods.unread_calls, connections=20, calls=3000),
    "headers only": partial(floods.headers_only, connections=20, calls=500),
    "large headers": partial(floods.large_headers, connections=5, start=floods.KNOWING),
    "headers as large as allowed": partial(floods.full_headers, connections=20, calls=500),
    "endless headers": floods.endless_headers,
    "unknown frames": floods.unknown_frames,
    "priorities": floods.priorities,
    "half messages": partial(half_messages, method="TranslateText", connections=10, streams=100),
    "half messages of streams": partial(
        half_messages, method="StreamTranslateText", connections=20, streams=100
    ),
    "pings": floods.pings,
    "settings": floods.settings,
    "window updates": floods.window_updates,
    "empty messages": floods.empty_messages,
}

SHORT_FLOODS: dict[str, Flood] = {
    **FLOODS,
    "large headers at first": partial(floods.large_headers, connections=5, start=floods.UNKNOWING),
}
"""With one of which, when it lasts for seconds, malloc keeps 80 to 106 MB: too near the bound to be
told from a failure."""


MOST_BYTES = {"large headers": 15 * MEGABYTE}
"""With what gRPC 1.84 and newer may set aside for a read: 3 to 5 MB, and 20 to 44 without."""


def rage(flood: Flood, server: Server, seconds: float) -> LightCallers:
    """Lets a flood go on beside light callers; returns them with their report."""
    with LightCallers(server.address) as callers:
        until = time.monotonic() + seconds
        thread = threading.Thread(target=flood, args=(server.address, until))
        thread.start()
        thread.join()
    return callers


@pytest.mark.parametrize("name", SHORT_FLOODS)
def test_a_flood_costs_others_no_call(float32_bundle: Path, name: str) -> None:
    with Server(float32_bundle) as server:
        before = server.peak_bytes()
        report = rage(SHORT_FLOODS[name], server, 1.5).report
        assert server.peak_bytes() - before < MOST_BYTES.get(name, 100 * MEGABYTE)
    assert (report.wrong, report.errors) == (0, {})


@pytest.mark.attack
@pytest.mark.alone
@pytest.mark.parametrize("flood", FLOODS.values(), ids=FLOODS)
def test_a_flood_of_seconds_costs_others_little_time(float32_bundle: Path, flood: Flood) -> None:
    with Server(float32_bundle) as server:
        calm = rage(lambda _, until: time.sleep(until - time.monotonic()), server, 4).report
        before = server.peak_bytes()
        report = rage(flood, server, 10).report
        assert server.peak_bytes() - before < 100 * MEGABYTE
    assert (report.wrong, report.errors) == (0, {})
    # A call of a tiny model takes a few milliseconds; its 99th percentile is the machine's.
    assert report.p99_seconds < max(2 * calm.p99_seconds, 0.05)


def test_who_floods_is_hung_up_on_counted_and_told(float32_bundle: Path) -> None:
    with Server(float32_bundle) as server:
        floods.unknown_frames(server.address, time.monotonic() + 3)
        hung_up = server.metric("connections_flooding_total")
        assert hung_up >= 1
    told = [line for line in server.log if "connection_flooded" in line]
    assert len(told) == hung_up


def test_who_reads_from_connections_comes_after_who_answers(float32_bundle: Path) -> None:
    with Server(float32_bundle) as server:
        pid = server.process.pid
        answering = os.getpriority(os.PRIO_PROCESS, pid)
        reading = [
            os.getpriority(os.PRIO_PROCESS, int(thread.name))
            for thread in Path(f"/proc/{pid}/task").iterdir()
            if (thread / "comm").read_text() == "event_engine\n"
        ]
    assert reading
    assert min(reading) > answering


def test_who_fills_the_queue_leaves_room_and_turns_to_others(float32_bundle: Path) -> None:
    request = TranslateTextRequest(contents=["where is the cat"] * 1000)
    codes: Counter[str] = Counter()
    shown = guarded.metadata()

    def fill(address: str, until: float) -> None:
        with grpc.insecure_channel(address) as channel:
            translate = TranslationServiceStub(channel).TranslateText
            while time.monotonic() < until:
                calls = [translate.future(request, timeout=600, metadata=shown) for _ in range(6)]
                codes.update(call.code().name for call in calls)

    with Server(float32_bundle) as server:
        report = rage(fill, server, 2.0).report
        refused = server.metric("refusals_total", cause="QUEUE_FULL")
    assert (report.wrong, report.errors) == (0, {})
    assert codes.keys() == {"OK", "RESOURCE_EXHAUSTED"}
    assert refused == codes["RESOURCE_EXHAUSTED"]
