"""Writes one line per event, as JSON or as text.

An event is a log record whose message is the event's name and whose `extra` holds its fields.
Nothing that a user wrote may be in either. An exception is told by its type and the places that it
passed, never by its message, which may quote a user's text; nor is the message of a library that
tells of one, as it may quote the same. What is not printable is escaped: an event is one line.
"""

import json
import logging
import sys
import threading
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Literal

from dragoman_server.monitoring.line_writer import LineWriter

_log = logging.getLogger(__name__)

LogLevel = Literal["debug", "info", "warning", "error"]
LogFormat = Literal["json", "text"]

OURS = "dragoman_server"

CALLS_LOG = "dragoman_server.calls"
"""Logger of the access log, which is asked for on its own, whatever the level of the others."""

LAST_LINES_SECONDS = 1.0
"""At the end of the process, for lines that are not written yet."""

_STANDARD_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def configure_logging(
    level: LogLevel,
    form: LogFormat,
    lines: LineWriter,
) -> None:
    """Sends this process's log records to `lines`; libraries' only from warning on.

    So it does with what Python itself would write to stderr, and wait for.
    """
    handler = LineHandler(lines)
    handler.setFormatter(JsonFormatter() if form == "json" else TextFormatter())
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger(OURS).setLevel(level.upper())
    logging.getLogger(CALLS_LOG).setLevel(logging.INFO)
    logging.captureWarnings(capture=True)
    threading.excepthook = _tell_thread
    sys.unraisablehook = _tell_unraisable


def log_lines_lost() -> int:
    """Returns how many lines this process has lost."""
    handlers = logging.getLogger().handlers
    return sum(handler.lines_lost for handler in handlers if isinstance(handler, LineHandler))


class LineHandler(logging.Handler):
    """Hands records to a LineWriter; when it is closed, as it is at exit, waits for it a while."""

    def __init__(self, lines: LineWriter) -> None:
        super().__init__()
        self._lines = lines

    @property
    def lines_lost(self) -> int:
        """Lines that nobody will read."""
        return self._lines.lines_lost

    def emit(self, record: logging.LogRecord) -> None:
        """See logging.Handler."""
        self._lines.write(f"{self.format(record)}\n")

    def close(self) -> None:
        """See logging.Handler."""
        self._lines.drain(LAST_LINES_SECONDS)
        super().close()


class JsonFormatter(logging.Formatter):
    """One JSON object per line: time (RFC 3339, UTC), level, logger, event, then the fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Returns the record's line."""
        line = {
            "time": _timestamp(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": _event(record),
            **_fields(record),
        }
        return json.dumps(line, default=str)


class TextFormatter(logging.Formatter):
    """The same for people: time, level, event, then the fields as name=value."""

    def format(self, record: logging.LogRecord) -> str:
        """Returns the record's line."""
        fields = "".join(f" {name}={_shown(value)}" for name, value in _fields(record).items())
        return f"{_timestamp(record)} {record.levelname.lower()} {_shown(_event(record))}{fields}"


def _event(record: logging.LogRecord) -> str:
    if record.exc_info and not record.name.startswith(OURS):
        return "library_failed"
    return record.getMessage()


def _shown(value: object) -> str:
    """Returns the value so that no other field and no other line can be read out of it."""
    if isinstance(value, str) and value.isprintable() and not set(value) & {" ", '"', "="}:
        return value
    return json.dumps(value, default=str)


def _timestamp(record: logging.LogRecord) -> str:
    time = datetime.fromtimestamp(record.created, tz=UTC)
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _fields(record: logging.LogRecord) -> Mapping[str, object]:
    fields = {name: value for name, value in vars(record).items() if name not in _STANDARD_FIELDS}
    error = record.exc_info[1] if record.exc_info else None
    if error is not None:
        fields["exception"] = type(error).__qualname__
        fields["stack"] = [
            f"{frame.filename}:{frame.lineno} {frame.name}"
            for frame in traceback.extract_tb(error.__traceback__)
        ]
    return fields


def _tell_thread(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is not None:
        _log.error("thread_failed", exc_info=args.exc_value)


def _tell_unraisable(args: "sys.UnraisableHookArgs") -> None:
    if args.exc_value is not None:
        _log.error("unraisable", exc_info=args.exc_value)
