import json
import logging
import os
import sys
import threading
import warnings
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from dragoman.v1.translation_pb2 import SEGMENTATION_NONE, TranslateTextRequest
from dragoman_server.monitoring.line_writer import LineWriter
from dragoman_server.monitoring.logs import JsonFormatter, configure_logging
from tests.server.service.harness import Running, failure_of


class Log:
    """Where this process logs to."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.lines = LineWriter(os.open(path, os.O_WRONLY | os.O_CREAT))

    def getvalue(self) -> str:
        self.lines.drain(10)
        return self._path.read_text("ascii")


@pytest.fixture
def stream(tmp_path: Path) -> Iterator[Log]:
    root, ours = logging.getLogger(), logging.getLogger("dragoman_server")
    handlers, levels = root.handlers[:], (root.level, ours.level)
    hooks = threading.excepthook, sys.unraisablehook
    log = Log(tmp_path / "log")
    configure_logging("info", "json", log.lines)
    yield log
    logging.captureWarnings(capture=False)
    threading.excepthook, sys.unraisablehook = hooks
    root.handlers[:] = handlers
    root.setLevel(levels[0])
    ours.setLevel(levels[1])


def test_an_event_is_one_json_line_with_its_fields_and_the_time_in_utc(
    stream: Log,
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


def test_the_text_form_says_the_same(stream: Log) -> None:
    configure_logging("warning", "text", stream.lines)
    logging.getLogger("dragoman_server.x").info("quiet")
    logging.getLogger("dragoman_server.x").warning("loud", extra={"port": 1})
    assert stream.getvalue().endswith("Z warning loud port=1\n")
    assert "quiet" not in stream.getvalue()


def test_an_exception_is_told_by_type_and_place_but_not_by_its_message(
    stream: Log,
) -> None:
    try:
        int("the user's text")
    except ValueError:
        logging.getLogger("dragoman_server.x").exception("failed")
    event = json.loads(stream.getvalue())
    assert event["exception"] == "ValueError"
    assert "test_logs.py" in event["stack"][0]
    assert "user's text" not in stream.getvalue()


HOSTILE = 'a\n{"event": "ready"}\x1b[2J\u2028\x85\u202e\ud800 level=error'


@pytest.mark.parametrize("form", ["json", "text"])
def test_nothing_that_a_value_holds_begins_another_line(form: str, stream: Log) -> None:
    configure_logging("info", "json" if form == "json" else "text", stream.lines)
    logging.getLogger("dragoman_server.x").info(HOSTILE, extra={"name_of_it": HOSTILE})
    logging.getLogger("library").warning(HOSTILE)
    lines = stream.getvalue().splitlines()
    assert len(lines) == 2
    assert all(line.isprintable() for line in lines)
    if form == "json":
        event = json.loads(lines[0])
        assert (event["event"], event["name_of_it"]) == (HOSTILE, HOSTILE)
    else:
        name, _, value = lines[0].partition(" name_of_it=")
        assert json.loads(name.partition(" info ")[2]) == json.loads(value) == HOSTILE


@pytest.mark.parametrize("form", ["json", "text"])
def test_what_a_library_says_of_an_exception_is_not_repeated(form: str, stream: Log) -> None:
    configure_logging("info", "json" if form == "json" else "text", stream.lines)
    try:
        int("the user's text")
    except ValueError as error:
        logging.getLogger("asyncio").error("Task failed: %r", error, exc_info=error)  # noqa: TRY400
    assert "library_failed" in stream.getvalue()
    assert "ValueError" in stream.getvalue()
    assert "user's text" not in stream.getvalue()


@pytest.mark.filterwarnings("default")
def test_what_python_itself_would_write_to_stderr_is_an_event(stream: Log) -> None:
    def fail() -> None:
        raise KeyError("the user's text")

    class Failing:
        def __del__(self) -> None:
            raise KeyError("the user's text")

    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    Failing()
    warnings.warn("odd", stacklevel=1)
    events = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [event["event"] for event in events[:2]] == ["thread_failed", "unraisable"]
    assert [event["exception"] for event in events[:2]] == ["KeyError", "KeyError"]
    assert "odd" in events[2]["event"]
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
    request = TranslateTextRequest(
        contents=["confidential " * 20], segmentation=SEGMENTATION_NONE
    )  # more than the model takes
    await failure_of(server.stub.TranslateText(request))
    formatter = JsonFormatter()
    lines = [formatter.format(r) for r in caplog.records if r.name.startswith("dragoman_server")]
    assert any("request_failed" in line for line in lines)
    assert not any("confidential" in line for line in lines)
