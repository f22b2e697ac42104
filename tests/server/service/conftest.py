from collections.abc import Iterator

import pytest

from dragoman_server.monitoring import tracing
from tests.server.collector import Collector


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    """Gets all spans by the time that a server is closed, on a busy machine too."""
    monkeypatch.setattr(tracing, "CLOSE_SECONDS", 30.0)
    with Collector() as listening:
        yield listening
