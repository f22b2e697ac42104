"""Tells of calls one by one: in the access log, in spans where they are traced, by their callers.

The last is for who counts what each caller has, and only where callers must say who they are.

Owns what is open of them until they end. Does not know where lines and spans go, nor who counts
requests whoever makes them: outcomes.py does. Never sees a text.
"""

import functools
import logging
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple, Protocol, cast

from dragoman_server.config import Config
from dragoman_server.errors import ConfigError
from dragoman_server.monitoring import CALLS_LOG, CallerEnded, TraceContext, read_trace
from dragoman_server.rpc import Call, Caller, Presented
from dragoman_server.service.account import Account, Usage
from dragoman_server.service.callers import name_of
from dragoman_server.service.telling import (
    Facts,
    Span,
    caller_ended,
    end_span,
    line_of,
    tell_phases,
)

_log = logging.getLogger(CALLS_LOG)

MOST_TEXT_SPANS = 128
"""Texts of a stream that have spans of their own: a stream has no end, a trace has to."""

_BY_ITS_TEXTS = frozenset({"OK", "CANCELLED", "DEADLINE_EXCEEDED"})
"""Ends of a stream that count as its texts' alone, as in requests_total."""


class Tracer(Protocol):
    """What is needed of a Tracing."""

    @property
    def spans_lost(self) -> int:
        """Spans that could not be told, since the beginning."""

    def begin(
        self, service: str, method: str, parent: TraceContext | None, began_at: float
    ) -> Span | None:
        """Begins the span of a call; None where it is not sampled."""

    def close(self) -> None:
        """Tells what is left, or gives it up after a while; blocks meanwhile."""


class _Stream(NamedTuple):
    """A stream, for its texts."""

    account: Account
    facts: Facts
    models: set[tuple[str, str]]
    """Names and versions that its texts meant."""


class Observer:
    """Makes the accounts of calls, and tells what they say at the end.

    Args:
        service: Whose calls they are, by its full name.
        logs: Whether each call gets a line.
        tracer: None where nobody traces.
        count: Told what callers had; None where they need not say who they are.
        clock: Seconds, monotonic; the engines'.
    """

    def __init__(
        self,
        service: str,
        *,
        logs: bool,
        tracer: Tracer | None,
        count: Callable[[CallerEnded], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._service = service
        self._logs = logs
        self._tracer = tracer
        self._count = count
        self._clock = clock

    @property
    def spans_lost(self) -> int:
        """Spans that could not be told, since the beginning."""
        return 0 if self._tracer is None else self._tracer.spans_lost

    def close(self) -> None:
        """Tells what is left to tell; blocks for half a second at most."""
        if self._tracer is not None:
            self._tracer.close()

    @property
    def trace(self) -> Callable[[Presented], TraceContext | None] | None:
        """Returns which trace a call says that it is part of; None where nobody wants to know."""
        return _trace if self._logs or self._tracer is not None else None

    def begin(self, method: str, call: Call) -> Account:
        """Returns the account of a call that begins."""
        span, account = self._begin(method, call)
        if account.usage is not None:
            account.tell = functools.partial(self._call_ended, _facts(method, call, span), None)
        return account

    def begin_stream(self, method: str, call: Call) -> tuple[Account, Callable[[], Account]]:
        """Returns the account of a stream that begins, and what makes those of its texts."""
        span, account = self._begin(method, call)
        facts = _facts(method, call, span)
        stream = _Stream(account, facts, set())
        if account.usage is not None:
            account.tell = functools.partial(self._call_ended, facts, stream.models)
        return account, functools.partial(self._text, stream)

    def refuse(self, method: str, caller: Caller) -> Account:
        """Returns the account of a call that is refused before it begins: it has no span."""
        account = _account(caller)
        is_known = caller.identity is not None
        if self._logs or (self._count is not None and is_known):
            facts = Facts(method, name_of(caller), caller.peer, None, None, is_known=is_known)
            account.tell = functools.partial(self._call_ended, facts, None)
        return account

    def _begin(self, method: str, call: Call) -> tuple[Span | None, Account]:
        parent = cast("TraceContext | None", call.trace)
        account, span = _account(call), None
        if self._tracer is not None:
            span = self._tracer.begin(self._service, method, parent, call.arrived_at)
        if span is not None:
            account.trace_id, account.is_traced = span.trace_id, True
        if self._logs or span is not None:
            account.usage = Usage()
        elif self._count is not None:
            account.usage = Usage(is_timed=False)
        return span, account

    def _text(self, stream: _Stream) -> Account:
        whole = stream.account
        account = Account(
            trace_id=whole.trace_id, is_traced=whole.is_traced, interface=whole.interface
        )
        if whole.usage is None:
            return account
        span = None
        if stream.facts.span is not None and whole.texts_begun < MOST_TEXT_SPANS:
            span = stream.facts.span.child("text", self._clock())
        whole.texts_begun += 1
        account.usage = Usage(is_timed=whole.usage.is_timed)
        account.tell = functools.partial(self._text_ended, stream, span)
        return account

    def _text_ended(self, stream: _Stream, span: Span | None, text: Account, code: str) -> None:
        usage = text.usage or Usage()
        if stream.account.usage is not None:
            stream.account.usage.include(usage, failed=code != "OK")
        if text.model:
            stream.models.add((text.model, text.model_version))
        if self._count is not None and stream.facts.is_known:
            self._count(caller_ended(stream.facts, text, code))
        if span is not None:
            tell_phases(span, usage)
            end_span(span, text, code, self._clock())

    def _call_ended(
        self, facts: Facts, models: Iterable[tuple[str, str]] | None, account: Account, code: str
    ) -> None:
        now = self._clock()
        if models is not None and len(named := list(models)) == 1:
            account.model, account.model_version = named[0]
        if self._logs:
            _log.info("call", extra=line_of(facts, account, code, now))
        is_counted = models is None or code not in _BY_ITS_TEXTS
        if self._count is not None and facts.is_known and is_counted:
            self._count(caller_ended(facts, account, code))
        if (span := facts.span) is not None:
            if models is None:
                tell_phases(span, account.usage or Usage())
            end_span(span, account, code, now, call=facts)


def build_observer(
    service: str, config: Config, record: Callable[[CallerEnded], None]
) -> Observer | None:
    """Returns what the settings ask for; None where they ask for nothing of the kind.

    Args:
        service: Whose calls are told of, by its full name.
        config: The settings.
        record: Told what callers had, where they must say who they are.

    Raises:
        ConfigError: What it needs is not installed.
    """
    tracer = None
    if config.otlp_endpoint is not None:
        tracer = _open_tracing(config.otlp_endpoint, config.trace_sampling)
    logs = config.access_log == "calls"
    count = record if config.controls_access else None
    if not logs and tracer is None and count is None:
        return None
    return Observer(service, logs=logs, tracer=tracer, count=count)


def _open_tracing(endpoint: str, sampling: float) -> Tracer:
    try:
        # Who does not trace need not have it.
        from dragoman_server.monitoring.tracing import Tracing, otlp_exporter  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"otlp_endpoint needs {error.name}: in a clone of Dragoman, pip install '.[otel]'"
        ) from None
    return Tracing(otlp_exporter(endpoint), sampling)


def _account(call: Call | Caller) -> Account:
    trace = cast("TraceContext | None", call.trace)
    return Account(trace_id="" if trace is None else trace.trace_id, interface=call.interface)


def _trace(presented: Presented) -> TraceContext | None:
    return read_trace(presented.headers())


def _facts(method: str, call: Call, span: Span | None) -> Facts:
    is_known = call.identity is not None
    return Facts(method, name_of(call), call.peer, call.arrived_at, span, is_known=is_known)
