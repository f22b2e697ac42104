"""Reads the server's `/metrics` once a second while a test runs.

Knows names of Dragoman's metrics and Prometheus' text format. A server without them, or one that
cannot be reached, gives no readings: a load test does without.
"""

import threading
import time
import urllib.request
from contextlib import suppress
from typing import NamedTuple

from prometheus_client.parser import text_string_to_metric_families

PERIOD_SECONDS = 1.0
TIMEOUT_SECONDS = 2.0

CPU_SECONDS = "process_cpu_seconds_total"
"""As Prometheus' libraries call it in every program."""

STAGES = ("queue", "encode", "decode")


class Reading(NamedTuple):
    """The metrics at one moment."""

    at: float
    """Of time.monotonic."""
    values: dict[str, float]
    """By name without Dragoman's prefix; sums over labels."""


class Scraper:
    """Reads in a thread of its own between `start` and `stop`.

    Args:
        url: http://host:port/metrics.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.readings: list[Reading] = []
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="scraper", daemon=True)

    def start(self) -> None:
        """Takes a first reading and goes on."""
        self.read()
        self._thread.start()

    def stop(self) -> None:
        """Takes a last reading and ends."""
        self._stopped.set()
        self._thread.join()
        self.read()

    def read(self) -> Reading | None:
        """Takes a reading; None where there is none to have."""
        with suppress(OSError, ValueError):
            reading = Reading(time.monotonic(), _fetch(self.url))
            self.readings.append(reading)
            return reading
        return None

    def _run(self) -> None:
        while not self._stopped.wait(PERIOD_SECONDS):
            self.read()


def _fetch(url: str) -> dict[str, float]:
    with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as page:  # noqa: S310 http only
        text = page.read().decode()
    values: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            name = sample.name.removeprefix("dragoman_")
            is_ours = name != sample.name and not name.endswith("_bucket")
            if is_ours or name == CPU_SECONDS:
                values[name] = values.get(name, 0.0) + sample.value
    return values


def increase(before: Reading, after: Reading, name: str) -> float | None:
    """Returns by how much a counter grew; None where either reading lacks it."""
    if name not in before.values or name not in after.values:
        return None
    return after.values[name] - before.values[name]


def mean(before: Reading, after: Reading, histogram: str) -> float | None:
    """Returns the mean of what a histogram saw between two readings; None where that is nothing."""
    total = increase(before, after, f"{histogram}_sum")
    count = increase(before, after, f"{histogram}_count")
    return total / count if total is not None and count else None
