"""Reads which trace a call is part of, as W3C's Trace Context says it.

Knows the headers `traceparent` and `tracestate`. Does not know what a trace is for: that is
tracing.py's.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")

_SAMPLED = 1


Attribute = str | int | float | bool
"""What a span can say of itself, beside names and times."""


class TraceContext(NamedTuple):
    """Where a call stands in a trace that somebody else began."""

    trace_id: str
    """32 hexadecimal digits, not all of them 0."""
    span_id: str
    """Of the caller's span: 16, likewise."""
    is_sampled: bool
    """Whether the caller keeps it."""
    state: str = ""
    """What others say of it, each in its own way."""


def read_trace(headers: Iterable[tuple[str, str | bytes]]) -> TraceContext | None:
    """Returns what the metadata of a call says; None where it says nothing that is valid."""
    parent = state = ""
    for name, value in headers:
        if name == "traceparent":
            parent = _text(value)
        elif name == "tracestate":
            state = _text(value)
    if not parent or (match := _TRACEPARENT.fullmatch(parent)) is None:
        return None
    version, trace_id, span_id, flags, rest = match.groups()
    if version == "ff" or (version == "00" and rest):
        return None
    if not int(trace_id, 16) or not int(span_id, 16):
        return None
    return TraceContext(trace_id, span_id, bool(int(flags, 16) & _SAMPLED), state)


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("ascii", "replace")
