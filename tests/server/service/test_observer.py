"""What is built of the settings, and what it needs."""

import subprocess
import sys

import pytest

from dragoman_server.access import Admission, Principal
from dragoman_server.engine import Priority
from dragoman_server.errors import ConfigError
from dragoman_server.monitoring import CallerEnded
from dragoman_server.rpc import Caller, WireCall
from dragoman_server.service.observer import build_observer
from tests.server.service.harness import make_config

ADMITTED = Admission(Principal("acme"), lambda: Principal("acme"))


@pytest.fixture
def told() -> list[CallerEnded]:
    """What is told of callers."""
    return []


def test_where_nothing_is_asked_for_there_is_no_observer(told: list[CallerEnded]) -> None:
    assert build_observer("service", make_config(), told.append) is None


def test_who_counts_callers_alone_reads_no_trace_and_takes_no_times(
    told: list[CallerEnded],
) -> None:
    observer = build_observer("service", make_config(api_key_entries="[]"), told.append)
    assert observer is not None
    assert observer.trace is None
    call = WireCall(None, Caller("ipv4:1.2.3.4:5", None, 0, 0, 0, ADMITTED), 0)  # type: ignore[arg-type]
    account = observer.begin("TranslateText", call)
    assert account.usage is not None
    assert not account.usage.is_timed
    account.usage.ask(["ab", "c"], Priority.BULK)
    account.end("OK")
    account.end("INTERNAL")
    assert told == [
        CallerEnded("acme", "bulk", "OK", texts=2, code_points=3),
        CallerEnded("acme", "bulk", "INTERNAL"),
    ]


def test_who_is_refused_unknown_is_logged_and_not_counted(told: list[CallerEnded]) -> None:
    config = make_config(api_key_entries="[]", access_log="calls")
    observer = build_observer("service", config, told.append)
    assert observer is not None
    unknown = Caller("ipv4:1.2.3.4:5", None, 0, 0, 0)
    account = observer.refuse("TranslateText", unknown)
    assert account.tell is not None
    account.end("UNAUTHENTICATED")
    assert told == []
    observer.refuse("TranslateText", unknown._replace(identity=ADMITTED)).end("UNAVAILABLE")
    assert told == [CallerEnded("acme", "", "UNAVAILABLE")]


def test_who_logs_wants_times_and_traces_as_well(told: list[CallerEnded]) -> None:
    config = make_config(api_key_entries="[]", access_log="calls")
    observer = build_observer("service", config, told.append)
    assert observer is not None
    assert observer.trace is not None
    call = WireCall(None, Caller("ipv4:1.2.3.4:5", None, 0, 0, 0, ADMITTED), 0)  # type: ignore[arg-type]
    usage = observer.begin("TranslateText", call).usage
    assert usage is not None
    assert usage.is_timed


def test_traces_without_the_extra_say_what_to_install(
    monkeypatch: pytest.MonkeyPatch, told: list[CallerEnded]
) -> None:
    monkeypatch.delitem(sys.modules, "dragoman_server.monitoring.tracing", raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(ConfigError, match=r"otlp_endpoint needs opentelemetry.*\[otel\]"):
        build_observer("service", make_config(otlp_endpoint="http://127.0.0.1:1"), told.append)


def test_nothing_of_it_is_imported_before_it_is_asked_for() -> None:
    program = (
        "import sys, dragoman_server.cli, dragoman_server.processes.worker, dragoman\n"
        "assert not [name for name in sys.modules if name.startswith('opentelemetry')]"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
