"""What is built of the settings, and what it needs."""

import subprocess
import sys

import pytest

from dragoman_server.errors import ConfigError
from dragoman_server.service.observer import build_observer
from tests.server.service.harness import make_config


def test_where_nothing_is_asked_for_there_is_no_observer() -> None:
    assert build_observer("service", make_config()) is None


def test_traces_without_the_extra_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "dragoman_server.monitoring.tracing", raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(ConfigError, match=r"otlp_endpoint needs opentelemetry.*\[otel\]"):
        build_observer("service", make_config(otlp_endpoint="http://127.0.0.1:1"))


def test_nothing_of_it_is_imported_before_it_is_asked_for() -> None:
    program = (
        "import sys, dragoman_server.cli, dragoman_server.processes.worker, dragoman\n"
        "assert not [name for name in sys.modules if name.startswith('opentelemetry')]"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
