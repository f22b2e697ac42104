"""Writes one line per event, as JSON or as text.

An event is a log record whose message is the event's name and whose `extra` holds its fields.
Nothing that a user wrote may be in either. An exception is told by its type and the places that it
passed, never by its message, which may quote a user's text.
"""

import json
import logging
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Literal, TextIO

_STANDARD_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def configure_logging(
    level: Literal["debug", "info", "warning", "error"],
    form: Literal["json", "text"],
    stream: TextIO,
) -> None:
    """Sends this process's log records to `stream`; libraries' only from warning on."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter() if form == "json" else TextFormatter())
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger("dragoman_server").setLevel(level.upper())


class JsonFormatter(logging.Formatter):
    """One JSON object per line: time (RFC 3339, UTC), level, logger, event, then the fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Returns the record's line."""
        line = {
            "time": _timestamp(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
            **_fields(record),
        }
        return json.dumps(line, default=str, ensure_ascii=False)


class TextFormatter(logging.Formatter):
    """The same for people: time, level, event, then the fields as name=value."""

    def format(self, record: logging.LogRecord) -> str:
        """Returns the record's line."""
        fields = "".join(f" {name}={value}" for name, value in _fields(record).items())
        return f"{_timestamp(record)} {record.levelname.lower()} {record.getMessage()}{fields}"


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
