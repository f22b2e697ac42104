"""The statuses of refusals: those that are said again and again are made once."""

import grpc

from dragoman_server.errors import CredentialsError, QueueFullError, RateLimitedError
from dragoman_server.service import status
from dragoman_server.service.status import MOST_REFUSALS, PUSHBACK, wire_status


def test_what_is_said_again_and_again_is_made_once() -> None:
    assert wire_status(CredentialsError()) is wire_status(CredentialsError())
    full = QueueFullError("full", retry_after_seconds=0.5)
    assert wire_status(full) is wire_status(QueueFullError("full", retry_after_seconds=0.5))


def test_each_caller_over_its_limit_is_told_its_own_time_and_displaces_no_other() -> None:
    kept = wire_status(CredentialsError())
    before = len(status._refusals)
    for number in range(2 * MOST_REFUSALS):
        error = RateLimitedError("more", retry_after_seconds=1 + number)
        told = wire_status(error)
        assert told.code is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert (PUSHBACK, str(1000 + 1000 * number)) in told.trailers
    assert len(status._refusals) == before
    assert wire_status(CredentialsError()) is kept


def test_credentials_that_are_refused_say_nothing_about_retries() -> None:
    told = wire_status(CredentialsError())
    assert told.code is grpc.StatusCode.UNAUTHENTICATED
    assert PUSHBACK not in dict(told.trailers)
