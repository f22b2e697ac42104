"""Our reading of the text format against prometheus_client's own."""

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from dragoman.top.page import Page, parse
from dragoman_server.monitoring import Ended, Metrics


def reference(text: str) -> dict[str, dict[frozenset[tuple[str, str]], float]]:
    samples: dict[str, dict[frozenset[tuple[str, str]], float]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            samples.setdefault(sample.name, {})[frozenset(sample.labels.items())] = sample.value
    return samples


def test_a_servers_page_is_read_as_prometheus_client_reads_it() -> None:
    metrics = Metrics()
    metrics.begin_model("opus en→de")
    metrics.record(Ended("OK", seconds=0.02, model="opus en→de"))
    text = generate_latest(metrics.registry).decode()
    assert parse(text) == reference(text)
    assert len(parse(text)) > 20


def test_what_is_escaped_is_read() -> None:
    registry = CollectorRegistry()
    gauge = Gauge("g", "Values.", ["label"], registry=registry)
    for value in ['a"b', "a\\b", "a\\nb", "a\nb", "a,b={}", ""]:
        gauge.labels(value).set(1)
    text = generate_latest(registry).decode()
    assert parse(text) == reference(text)


def test_numbers_may_be_no_numbers() -> None:
    samples = parse("a +Inf\nb NaN\nc -1.5e3 1700000000\n\n")
    assert samples["a"] == {frozenset(): float("inf")}
    assert samples["b"][frozenset()] != samples["b"][frozenset()]
    assert samples["c"] == {frozenset(): -1500.0}


@pytest.mark.parametrize("text", ["<html>", "name", "name value"])
def test_what_is_no_page_is_told(text: str) -> None:
    with pytest.raises(ValueError, match=r"format|float"):
        parse(text)


def test_samples_are_added_up_over_the_labels_that_nobody_names() -> None:
    registry = CollectorRegistry()
    counter = Counter("c", "Values.", ["code", "model"], registry=registry)
    for code, model, value in [("OK", "a", 1), ("OK", "b", 2), ("NO", "a", 4)]:
        counter.labels(code, model).inc(value)
    page = Page(0.0, parse(generate_latest(registry).decode()))
    assert page.total("c_total") == 7
    assert page.total("c_total", model="a") == 5
    assert page.total("c_total", model="x") is None
    assert page.total("x") is None
