"""Errors keep all that they say on their way between two processes."""

import pickle

import pytest

from dragoman_server.errors import (
    BackendError,
    CredentialsError,
    DragomanError,
    InvalidArgumentError,
    NotFoundError,
    PermissionDeniedError,
    QueueFullError,
    RateLimitedError,
    UnavailableError,
    WouldExpireError,
)


@pytest.mark.parametrize(
    "error",
    [
        BackendError("broken"),
        CredentialsError(),
        PermissionDeniedError("no"),
        RateLimitedError("more", retry_after_seconds=0.5),
        InvalidArgumentError("wrong", field="contents[3]", reason="TOO_LONG", given="9"),
        NotFoundError("none", reason="MODEL_NOT_FOUND"),
        QueueFullError("full", retry_after_seconds=0.5),
        UnavailableError("draining", reason="DRAINING"),
        WouldExpireError("late", retry_after_seconds=0.5, remaining_seconds=0.25),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_survives_the_way(error: DragomanError) -> None:
    arrived = pickle.loads(pickle.dumps(error))
    assert type(arrived) is type(error)
    assert (str(arrived), vars(arrived), arrived.reason) == (str(error), vars(error), error.reason)
