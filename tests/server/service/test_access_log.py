"""A line of the log for each call: who, what, how much, how long."""

import json
import logging
from collections.abc import AsyncIterator, Callable

import grpc
import pytest
from google.protobuf.message import Message

from dragoman.v1.translation_pb2 import (
    SEGMENTATION_NONE,
    ListModelsRequest,
    StreamTranslateTextRequest,
    TranslateTextRequest,
)
from dragoman_server.errors import WouldExpireError
from dragoman_server.monitoring import CALLS_LOG, LineWriter, configure_logging
from dragoman_server.monitoring.logs import JsonFormatter
from tests.server.service.harness import Running, failure_of, read, running

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
REQUEST = TranslateTextRequest(contents=["a b", "", "c"])

Lines = Callable[[], list[dict[str, object]]]


@pytest.fixture
async def server() -> AsyncIterator[Running]:
    async with running(access_log="calls") as started:
        yield started


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Lines:
    """What the log says of calls, as it is written."""
    caplog.set_level(logging.INFO, CALLS_LOG)

    def read_lines() -> list[dict[str, object]]:
        records = [record for record in caplog.records if record.name == CALLS_LOG]
        return [json.loads(JsonFormatter().format(record)) for record in records]

    return read_lines


def without(line: dict[str, object], *names: str) -> dict[str, object]:
    """A line less what differs each time; it must be there."""
    return {name: line[name] for name in line.keys() - {"time", "level", "logger", *names}}


async def test_a_call_is_told_with_what_it_took(server: Running, lines: Lines) -> None:
    server.engine.echo = True
    metadata = (("traceparent", f"00-{TRACE}-00f067aa0ba902b7-00"),)
    await server.stub.TranslateText(REQUEST, metadata=metadata)
    (line,) = lines()
    assert str(line["peer"]).startswith("ipv4:127.0.0.1:")
    assert line["caller"] == line["peer"]
    assert float(str(line["total_ms"])) > 0
    assert without(line, "peer", "caller", "total_ms") == {
        "event": "call",
        "method": "TranslateText",
        "interface": "dragoman",
        "code": "OK",
        "model": "tiny",
        "model_version": "1",
        "texts": 3,
        "texts_failed": 0,
        "code_points": 4,
        "source_tokens": 5,
        "target_tokens": 3,
        "queue_ms": 1.0,
        "encode_ms": 2.0,
        "decode_ms": 7.0,
        "trace_id": TRACE,
    }


async def test_a_stream_is_told_once_with_its_totals(server: Running, lines: Lines) -> None:
    server.engine.echo = True
    call = server.stub.StreamTranslateText()
    for number, text in enumerate(["a b", "a " * 50, "c"]):
        await call.write(
            StreamTranslateTextRequest(id=str(number), content=text, segmentation=SEGMENTATION_NONE)
        )
        await read(call)
    await call.done_writing()
    assert await call.code() is grpc.StatusCode.OK
    (line,) = lines()
    names = ("method", "interface", "code", "model", "texts", "texts_failed")
    told = {name: line[name] for name in names}
    assert told == {
        "method": "StreamTranslateText",
        "interface": "dragoman",
        "code": "OK",
        "model": "tiny",
        "texts": 3,
        "texts_failed": 1,
    }
    assert (line["source_tokens"], line["target_tokens"]) == (5, 3)


async def test_a_stream_that_is_broken_off_is_told_too(server: Running, lines: Lines) -> None:
    call = server.stub.StreamTranslateText()
    await call.write(StreamTranslateTextRequest(id="1", content="a"))
    await server.engine.has_texts(1)
    call.cancel()
    await server.engine.all_cancelled()
    await server.application.drain()
    (line,) = lines()
    assert (line["code"], line["texts"], line["texts_failed"]) == ("CANCELLED", 1, 1)
    assert line["target_tokens"] == 0


async def test_a_call_that_is_refused_unread_is_told_with_all_that_is_known(
    server: Running, lines: Lines
) -> None:
    server.engine.refusal = WouldExpireError("late", retry_after_seconds=1, remaining_seconds=1)
    await failure_of(server.stub.TranslateText(REQUEST))
    (line,) = lines()
    assert without(line, "peer", "caller") == {
        "event": "call",
        "method": "TranslateText",
        "interface": "dragoman",
        "code": "RESOURCE_EXHAUSTED",
    }


@pytest.mark.parametrize(
    ("method", "request_", "code"),
    [
        ("TranslateText", TranslateTextRequest(contents=["a"], model="x"), "NOT_FOUND"),
        ("TranslateText", TranslateTextRequest(), "INVALID_ARGUMENT"),
        ("ListModels", ListModelsRequest(), "OK"),
    ],
)
async def test_every_call_has_a_line(
    server: Running, lines: Lines, method: str, request_: Message, code: str
) -> None:
    call = server.call_raw(request_.SerializeToString(), method)
    if code == "OK":
        await call
    else:
        await failure_of(call)
    assert [(line["method"], line["code"]) for line in lines()] == [(method, code)]


async def test_a_request_that_is_none_has_a_line(server: Running, lines: Lines) -> None:
    await failure_of(server.call_raw(b"\xff"))
    assert [line["code"] for line in lines()] == ["INVALID_ARGUMENT"]


async def test_nobody_is_told_unless_asked(lines: Lines) -> None:
    async with running() as server:
        server.engine.echo = True
        await server.stub.TranslateText(REQUEST)
    assert not lines()


@pytest.fixture
def _logging() -> object:
    """Leaves the loggers as they were."""
    ours, calls, root = (logging.getLogger(name) for name in ("dragoman_server", CALLS_LOG, None))
    before = ours.level, calls.level, root.level, root.handlers[:]
    yield
    ours.setLevel(before[0])
    calls.setLevel(before[1])
    root.setLevel(before[2])
    root.handlers[:] = before[3]


@pytest.mark.usefixtures("_logging")
def test_lines_of_calls_do_not_hang_on_the_level_of_events() -> None:
    configure_logging("error", "json", LineWriter(2))
    assert logging.getLogger(CALLS_LOG).isEnabledFor(logging.INFO)
    assert not logging.getLogger("dragoman_server").isEnabledFor(logging.INFO)
