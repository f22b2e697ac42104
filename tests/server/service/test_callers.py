"""What it means to a call who makes it."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from dragoman_server.access import Admission, Limits, Principal, RateLimits
from dragoman_server.engine import Sender
from dragoman_server.errors import CredentialsError, RateLimitedError
from dragoman_server.service.callers import (
    StreamCaller,
    allowed_models,
    charge,
    check_rate,
    name_of,
    principal_of,
    sender_of,
)

ACME = Principal("acme", models=frozenset({"one"}), limits=Limits(texts_per_second=0.001))


@dataclass
class FakeCall:
    identity: object = None
    peer: str = "ipv4:1.2.3.4:5"


def admitted(principal: Principal = ACME, renew: Callable[[], Principal] | None = None) -> FakeCall:
    return FakeCall(Admission(principal, renew or (lambda: principal)))


def test_a_turn_is_its_callers_or_else_its_connections() -> None:
    assert name_of(FakeCall()) == "ipv4:1.2.3.4:5"
    assert name_of(admitted()) == "acme"


def test_texts_are_their_callers_with_its_weight() -> None:
    assert sender_of(FakeCall()) == Sender("ipv4:1.2.3.4:5")
    assert sender_of(admitted(Principal("acme", weight=3.0))) == Sender("acme", weight=3.0)


def test_where_nobody_says_who_calls_nothing_is_forbidden() -> None:
    assert principal_of(FakeCall()) is None
    check_rate(None, RateLimits())
    charge(None, RateLimits(), ["a"] * 10_000)
    charge(ACME, None, ["a"] * 10_000)


def test_a_caller_may_use_the_models_that_it_is_given() -> None:
    assert allowed_models(None) is None
    assert allowed_models(ACME) == frozenset({"one"})
    assert allowed_models(Principal("any", models=frozenset({"one", "*"}))) is None


def test_a_text_of_a_stream_is_let_in_by_what_is_in_force_then() -> None:
    later = Principal("acme", models=frozenset({"two"}))
    renewals = iter([ACME, later])

    def renew() -> Principal:
        try:
            return next(renewals)
        except StopIteration:
            raise CredentialsError from None

    caller = StreamCaller(admitted(renew=renew), RateLimits())
    assert caller.sender.caller == "acme"
    assert caller.admitted() == ACME
    assert caller.admitted() == later
    with pytest.raises(CredentialsError):
        caller.admitted()
    assert StreamCaller(FakeCall(), None).admitted() is None


def test_a_text_of_a_stream_is_charged() -> None:
    caller = StreamCaller(admitted(), RateLimits())
    caller.charge(ACME, "a")
    with pytest.raises(RateLimitedError):
        caller.charge(ACME, "a")
