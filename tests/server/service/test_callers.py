"""What it means to a call who makes it."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from dragoman.v1.translation_pb2 import Model, StreamTranslateTextRequest
from dragoman_server.access import Admission, Limits, Principal, RateLimits
from dragoman_server.errors import CredentialsError, NotFoundError, RateLimitedError
from dragoman_server.service.callers import (
    admits,
    charge,
    check_model,
    check_rate,
    name_of,
    principal_of,
    visible,
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


def test_where_nobody_says_who_calls_nothing_is_forbidden() -> None:
    assert principal_of(FakeCall()) is None
    check_model(None, "any", "any")
    check_rate(None, RateLimits())
    charge(None, RateLimits(), ["a"] * 10_000)
    charge(ACME, None, ["a"] * 10_000)
    assert admits(FakeCall(), None, "any") is None


def test_models_that_a_caller_may_not_use_are_not_there() -> None:
    models = [Model(name="one"), Model(name="two")]
    assert visible(ACME, models) == [models[0]]
    assert visible(None, models) == models
    check_model(ACME, "", "one")
    with pytest.raises(NotFoundError, match=r"^no model 'two' that the caller may use$"):
        check_model(ACME, "two", "two")
    with pytest.raises(NotFoundError, match=r"^no model that the caller may use$"):
        check_model(ACME, "", "two")


def test_a_long_name_is_not_repeated_whole() -> None:
    with pytest.raises(NotFoundError) as caught:
        check_model(ACME, "x" * 1000, "two")
    assert len(str(caught.value)) < 100


def test_a_text_of_a_stream_is_let_in_by_what_is_in_force_then() -> None:
    renewals = iter([ACME, Principal("acme", models=frozenset({"two"}))])

    def renew() -> Principal:
        try:
            return next(renewals)
        except StopIteration:
            raise CredentialsError from None

    admit = admits(admitted(renew=renew), RateLimits(), "one")
    assert admit is not None
    text = StreamTranslateTextRequest(content="a")
    admit(text)
    with pytest.raises(NotFoundError):
        admit(text)
    with pytest.raises(CredentialsError):
        admit(text)


def test_a_text_of_a_stream_is_charged() -> None:
    admit = admits(admitted(), RateLimits(), "one")
    assert admit is not None
    admit(StreamTranslateTextRequest(content="a"))
    with pytest.raises(RateLimitedError):
        admit(StreamTranslateTextRequest(content="a"))
