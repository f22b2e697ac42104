"""An hour that passes at once for what a server waits for: a busy machine decides nothing."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from dragoman_server.rpc import open_calls, server

AN_HOUR = 3600.0


def _later() -> object:
    return SimpleNamespace(monotonic=lambda: time.monotonic() + AN_HOUR)


@contextmanager
def an_hour_later() -> Iterator[None]:
    """Meanwhile every call that waits for its client is late; the next sweep finds them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(open_calls, "time", _later())
        yield


@contextmanager
def an_hour_stood_still() -> Iterator[None]:
    """Between two sweeps, as SIGSTOP and SIGCONT have it."""
    with an_hour_later(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(server, "time", _later())
        yield
