"""What two looks at a server say of the time between."""

import pytest
from prometheus_client import generate_latest

from dragoman.top.figures import (
    MOST_CALLERS,
    CallerFigures,
    ModelFigures,
    ServerFigures,
    compare,
)
from dragoman.top.page import Page, parse
from dragoman_server.monitoring import CallerEnded, Metrics
from tests.clients.top.pages import callers, histogram, page


def look(at: float, text: str) -> Page:
    return Page(at, parse(text))


def between(before: str, after: str, seconds: float = 2.0) -> ServerFigures:
    return compare("a:9464", look(10.0, before), look(10.0 + seconds, after))


def test_rates_and_quantiles_are_of_the_time_between() -> None:
    before = page(requests=1000, refused=5, cpu=100.0)
    server = between(before, page(requests=1100, refused=15, cpu=103.0))
    assert (server.address, server.problem, server.cpu) == ("a:9464", "", 1.5)
    assert (server.memory, server.spans_lost) == (3 << 30, 7)
    (model,) = server.models
    assert model.latency_p97 == model.queue_p97 == pytest.approx(0.0985)
    assert model.latency_p50 == pytest.approx(0.075)
    assert model._replace(latency_p50=None, latency_p97=None, queue_p97=None) == (
        ModelFigures(
            "en-de",
            ("2",),
            running=12,
            waiting=3,
            rows=6,
            rows_used=0.25,
            requests_per_second=55,
            refusals_per_second=5,
            texts_per_second=50,
            tokens_per_second=1000,
            latency_p50=None,
            latency_p97=None,
            queue_p97=None,
            predicted=0.125,
        )
    )


def test_callers_are_in_order_of_their_texts() -> None:
    before = page() + callers({"acme": 10, "jwt:b": 5, "idle": 7})
    after = page() + callers({"acme": 12, "jwt:b": 11, "idle": 7, "new": 1}, limited=4)
    server = between(before, after)
    assert [each.caller for each in server.callers] == ["jwt:b", "acme", "new"]
    assert server.callers[1] == CallerFigures(
        "acme",
        requests_per_second=4,
        refusals_per_second=2,
        texts_per_second=3,
        bulk_texts_per_second=2,
        tokens_per_second=20,
    )
    assert server.callers_left_out == 0


def test_callers_are_called_as_a_server_calls_them() -> None:
    metrics = Metrics()
    before = generate_latest(metrics.registry).decode()
    metrics.record(CallerEnded("acme", "bulk", "OK", texts=6, code_points=90, target_tokens=40))
    metrics.record(CallerEnded("acme", "", "RESOURCE_EXHAUSTED", "RATE_LIMITED", times=3))
    server = between(before, generate_latest(metrics.registry).decode())
    expected = CallerFigures(
        "acme",
        requests_per_second=2,
        refusals_per_second=1.5,
        texts_per_second=3,
        bulk_texts_per_second=3,
        tokens_per_second=20,
    )
    assert server.callers == (expected,)


def test_few_callers_are_shown_and_the_others_counted() -> None:
    names = [f"c{number:02}" for number in range(MOST_CALLERS + 3)]
    before, after = dict.fromkeys(names, 0), dict.fromkeys(names, 1)
    server = between(page() + callers(before), page() + callers(after))
    assert [each.caller for each in server.callers] == names[:MOST_CALLERS]
    assert server.callers_left_out == 3


def test_callers_of_a_server_that_restarted_begin_at_nothing() -> None:
    server = between(page() + callers({"a": 100}), page() + callers({"a": 10}))
    assert server.callers[0].texts_per_second == 15


def test_requests_of_no_known_model_are_shown_where_there_are_any() -> None:
    server = between(page(unread=3), page(unread=7))
    nameless = server.models[-1]
    assert (nameless.model, nameless.refusals_per_second, nameless.running) == ("", 2, None)
    assert len(between(page(unread=3), page(unread=3)).models) == 1


def test_an_idle_server_has_no_latency() -> None:
    (model,) = between(page(requests=5), page(requests=5)).models
    assert (model.requests_per_second, model.latency_p50, model.rows) == (0, None, None)


def test_a_server_that_restarted_begins_at_nothing() -> None:
    (model,) = between(page(requests=1000), page(requests=10)).models
    assert (model.requests_per_second, model.tokens_per_second) == (5, 100)


def test_a_first_look_alone_has_no_rates() -> None:
    text = page(requests=5) + callers({"acme": 5})
    server = compare("a", look(1.0, text), look(1.0, text))
    assert server.models[0].requests_per_second is None
    assert server.models[0].running == 12
    assert server.callers == ()


def test_what_is_beyond_the_buckets_counts_as_their_last_bound() -> None:
    name, running = "request_latency_seconds", 'dragoman_requests_running{model="m"} 0\n'
    before = running + histogram(name, "m", {"0.1": 0, "1.0": 0, "+Inf": 0})
    after = running + histogram(name, "m", {"0.1": 1, "1.0": 2, "+Inf": 9})
    (model,) = between(before, after).models
    assert model.latency_p97 == 1.0


def test_a_page_of_something_else_has_nothing_to_show() -> None:
    server = between("up 1\n", "up 1\n")
    assert server == ServerFigures("a:9464")
