"""How a call is told: as a line of the log, as spans with their attributes, as its caller's.

Pure but for the spans. Knows their names and units. Does not know when a call begins or ends.
"""

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from google.rpc import code_pb2  # type: ignore[import-untyped]  # .pyi files but no py.typed

from dragoman_server.monitoring import Attribute, CallerEnded
from dragoman_server.service.account import Account, Phase, Usage

_OUR_FAULTS = frozenset(
    {"UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"}
)
"""Codes that make a server's span one of an error, by OpenTelemetry's conventions."""


class Span(Protocol):
    """What is needed of a CallSpan. Times are seconds of time.monotonic."""

    @property
    def trace_id(self) -> str:
        """Of its trace, in 32 hexadecimal digits."""

    def child(self, name: str, began_at: float) -> "Span":
        """Begins a span within it."""

    def note(self, event: str, at: float) -> None:
        """Something happened meanwhile."""

    def end(self, at: float, attributes: Mapping[str, Attribute], *, is_error: bool) -> None:
        """It is over."""


class Facts(NamedTuple):
    """What is known of a call from its beginning."""

    method: str
    caller: str
    peer: str
    arrived_at: float | None
    """None where it was refused before it began."""
    span: Span | None
    is_known: bool = False
    """Whether the caller had to say who it is, and has."""


def caller_ended(facts: Facts, account: Account, code: str) -> CallerEnded:
    """Returns how a call, or a text of a stream, ended for its caller, and what it came to."""
    usage = account.usage
    if usage is None or usage.priority is None:
        return CallerEnded(facts.caller, "", code, account.refusal)
    ended = CallerEnded(facts.caller, usage.priority.value, code, account.refusal)
    if code != "OK":
        return ended
    return ended._replace(
        texts=usage.texts, code_points=usage.code_points, target_tokens=usage.target_tokens
    )


def line_of(facts: Facts, account: Account, code: str, now: float) -> dict[str, object]:
    """Returns the fields of a call's line; what is not known is left out."""
    line: dict[str, object] = {
        "method": facts.method,
        "caller": facts.caller,
        "peer": facts.peer,
        "interface": account.interface,
        "code": code,
    }
    if account.model:
        line |= {"model": account.model, "model_version": account.model_version}
    usage = account.usage
    if usage is not None and usage.texts:
        line |= {name: getattr(usage, name) for name in _ASKED if name != "rows"}
        for name, phase in _phases(usage):
            line[f"{name}_ms"] = _milliseconds(phase.longest_seconds)
    if facts.arrived_at is not None:
        line["total_ms"] = _milliseconds(now - facts.arrived_at)
    if account.trace_id:
        line["trace_id"] = account.trace_id
    return line


_ASKED = ("texts", "texts_failed", "code_points", "source_tokens", "target_tokens", "rows")


def _model(account: Account) -> dict[str, Attribute]:
    if not account.model:
        return {}
    return {
        "dragoman.model": account.model,
        "dragoman.model_version": account.model_version,
    }


def _asked(usage: Usage) -> dict[str, Attribute]:
    return {f"dragoman.{name}": getattr(usage, name) for name in _ASKED}


def _phases(usage: Usage) -> list[tuple[str, Phase]]:
    """Returns what texts went through."""
    each = (("queue", usage.queue), ("encode", usage.encode), ("decode", usage.decode))
    return [(name, phase) for name, phase in each if phase.has_been]


def tell_phases(span: Span, usage: Usage) -> None:
    """Tells how long texts waited and were worked on: one span each, however many texts."""
    attributes: dict[str, dict[str, Attribute]] = {
        "queue": {},
        "encode": {"dragoman.source_tokens": usage.source_tokens},
        "decode": {
            "dragoman.target_tokens": usage.target_tokens,
            "dragoman.rows": usage.rows,
        },
    }
    for name, phase in _phases(usage):
        child = span.child(name, phase.began_at)
        if name == "decode":
            child.note("first_token", usage.first_token_at)
        child.end(
            phase.ended_at, {"dragoman.texts": usage.texts} | attributes[name], is_error=False
        )


def end_span(
    span: Span, account: Account, code: str, at: float, *, call: Facts | None = None
) -> None:
    """Ends the span of a call, or of a text of a stream where `call` is None."""
    attributes = _model(account) | _asked(account.usage or Usage())
    if call is not None:
        attributes["rpc.grpc.status_code"] = code_pb2.Code.Value(code)
        attributes["dragoman.caller"] = call.caller
        attributes["dragoman.interface"] = account.interface
    span.end(at, attributes, is_error=code in _OUR_FAULTS)


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 3)
