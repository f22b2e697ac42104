"""Our histograms against prometheus_client's own."""

import threading

import numpy as np
import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client import Histogram as Reference
from prometheus_client.openmetrics import exposition as openmetrics

from dragoman_server.monitoring.histogram import MOST_PENDING, Histogram

BUCKETS = (1, 2.5, 10)


def exposition(registry: CollectorRegistry) -> list[str]:
    lines = generate_latest(registry).decode().splitlines()
    return [line for line in lines if "_created" not in line]


@pytest.mark.parametrize("count", [0, 1, MOST_PENDING - 1, MOST_PENDING, 3 * MOST_PENDING + 7])
def test_exposes_what_prometheus_client_does(count: int) -> None:
    ours, reference = CollectorRegistry(), CollectorRegistry()
    histogram = Histogram("h", "Values.", buckets=BUCKETS, registry=ours)
    expected = Reference("h", "Values.", buckets=BUCKETS, registry=reference)
    choices = [0.0, 0.5, 1.0, 2.0, 2.5, 3.0, 10.0, 11.0]  # sums are exact
    values = np.random.default_rng(0).choice(choices, count).tolist()
    for value in values[: count // 2]:
        histogram.observe(value)
    histogram.labels().observe_all(values[count // 2 :])
    for value in values:
        expected.observe(value)
    assert exposition(ours) == exposition(reference)
    assert exposition(ours) == exposition(reference)  # a scrape takes nothing away


def test_labels_have_values_of_their_own() -> None:
    ours, reference = CollectorRegistry(), CollectorRegistry()
    histogram = Histogram("h", "Values.", buckets=BUCKETS, labels=["phase"], registry=ours)
    expected = Reference("h", "Values.", ["phase"], buckets=BUCKETS, registry=reference)
    for value, phase in [(1, "encode"), (3, "decode"), (20, "decode")]:
        histogram.labels(phase).observe(value)
        expected.labels(phase).observe(value)
    assert exposition(ours) == exposition(reference)


def test_can_be_scraped_by_name() -> None:
    registry = CollectorRegistry()
    Histogram("h", "Values.", buckets=BUCKETS, registry=registry).observe(3)
    scraped = generate_latest(registry.restricted_registry(["h_count"])).decode()
    assert "h_count 1.0" in scraped
    with pytest.raises(ValueError, match="Duplicated timeseries"):
        Histogram("h", "Again.", buckets=BUCKETS, registry=registry)


def test_the_last_trace_of_each_bucket_is_its_exemplar() -> None:
    registry = CollectorRegistry()
    histogram = Histogram("h", "Values.", buckets=BUCKETS, registry=registry)
    for value, trace_id in [(2, "aa"), (2.5, "bb"), (0.5, ""), (11, "cc")]:
        histogram.labels().observe(value, trace_id)
    page: bytes = openmetrics.generate_latest(registry)  # type: ignore[no-untyped-call]
    lines = page.decode().splitlines()
    buckets = [line.partition(" # ")[::2] for line in lines if line.startswith("h_bucket")]
    assert [bucket for bucket, _ in buckets] == [
        'h_bucket{le="1.0"} 1.0',
        'h_bucket{le="2.5"} 3.0',
        'h_bucket{le="10.0"} 3.0',
        'h_bucket{le="+Inf"} 4.0',
    ]
    marks = [mark.rpartition(" ")[0] for _, mark in buckets]  # less the time
    assert marks == ["", '{trace_id="bb"} 2.5', "", '{trace_id="cc"} 11.0']
    assert exposition(registry)  # the plain form has none
    assert not any("trace_id" in line for line in exposition(registry))


def test_loses_nothing_between_threads() -> None:
    registry = CollectorRegistry()
    histogram = Histogram("h", "Values.", buckets=BUCKETS, registry=registry)
    done = threading.Event()

    def observe() -> None:
        for _ in range(10 * MOST_PENDING):
            histogram.observe(1)

    def scrape() -> None:
        while not done.is_set():
            generate_latest(registry)

    scraper = threading.Thread(target=scrape)
    threads = [threading.Thread(target=observe) for _ in range(4)]
    for thread in (scraper, *threads):
        thread.start()
    for thread in threads:
        thread.join()
    done.set()
    scraper.join()
    assert registry.get_sample_value("h_count") == 40 * MOST_PENDING
    assert registry.get_sample_value("h_sum") == 40 * MOST_PENDING
