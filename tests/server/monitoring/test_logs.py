import io
import json
import logging
from collections.abc import Iterator
from datetime import datetime

import pytest

from dragoman.v1.translation_pb2 import TranslateTextRequest
from dragoman_server.monitoring.logs import JsonFormatter, configure_logging
from tests.server.service.harness import Running, failure_of


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root, ours = logging.getLogger(), logging.getLogger("dragoman_server")
    handlers, levels = root.handlers[:], (root.level, ours.level)
    stream = io.StringIO()
    configure_logging("info", "json", stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(levels[0])
    ours.setLevel(levels[1])


def test_an_event_is_one_json_line_with_its_fields_and_the_time_in_utc(
    stream: io.StringIO,
) -> None:
    logging.getLogger("dragoman_server.x").info("ready", extra={"port": 1, "host": "h"})
    (line,) = stream.getvalue().splitlines()
    event = json.loads(line)
    assert datetime.fromisoformat(event.pop("time")).tzname() == "UTC"
    assert event == {
        "level": "info",
        "logger": "dragoman_server.x",
        "event": "ready",
        "port": 1,
        "host": "h",
    }


def test_the_text_form_says_the_same(stream: io.StringIO) -> None:
    configure_logging("warning", "text", stream)
    logging.getLogger("dragoman_server.x").info("quiet")
    logging.getLogger("dragoman_server.x").warning("loud", extra={"port": 1})
    assert stream.getvalue().endswith("Z warning loud port=1\n")
    assert "quiet" not in stream.getvalue()


def test_an_exception_is_told_by_type_and_place_but_not_by_its_message(
    stream: io.StringIO,
) -> None:
    try:
        int("the user's text")
    except ValueError:
        logging.getLogger("dragoman_server.x").exception("failed")
    event = json.loads(stream.getvalue())
    assert event["exception"] == "ValueError"
    assert "test_logs.py" in event["stack"][0]
    assert "user's text" not in stream.getvalue()


async def test_no_text_of_a_request_is_ever_logged(
    server: Running, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    request = TranslateTextRequest(contents=["confidential words"])
    call = server.stub.TranslateText(request)
    (text,) = await server.engine.has_texts(1)
    text.fail(ValueError("confidential words"))
    await failure_of(call)
    request = TranslateTextRequest(contents=["confidential\0"], model="")
    await failure_of(server.stub.TranslateText(request))
    await failure_of(
        server.stub.TranslateText(TranslateTextRequest(contents=["confidential " * 20]))
    )
    formatter = JsonFormatter()
    lines = [formatter.format(r) for r in caplog.records if r.name.startswith("dragoman_server")]
    assert any("request_failed" in line for line in lines)
    assert not any("confidential" in line for line in lines)
