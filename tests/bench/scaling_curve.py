"""What one replica's metrics are at each rate: measured, as Prometheus tells an autoscaler.

Knows a server, `dragoman load` and a Prometheus. Does not know how many replicas follow from it.
"""

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from deploy.dashboards.answers import Prometheus
from tests.bench.load_runs import Load, peak_rate
from tests.deploy.monitoring.scraping import Scraping
from tests.integration.served import Served

SIGNALS = {
    "dragoman_requests_running": "sum(avg_over_time(dragoman_requests_running[{window}]))",
    "dragoman_requests_waiting": "sum(avg_over_time(dragoman_requests_waiting[{window}]))",
    "dragoman_requests_per_second": "sum(rate(dragoman_requests_total[{window}]))",
    "dragoman_refusals_per_second": "sum(rate(dragoman_refusals_total[{window}]))",
    "queue_seconds": "histogram_quantile(0.97, sum by (le) "
    "(rate(dragoman_request_queue_seconds_bucket[{window}])))",
}
"""By the names that autoscalers use: what deploy/components asks for, over another window."""

SETTLING_SECONDS = 5
"""At each rate, before what counts."""


@dataclass(frozen=True)
class Point:
    """One replica at one rate."""

    rate: float
    """Requests a second, of one sentence each."""
    metrics: dict[str, float]
    p97_ms: float
    goodput: float
    """Answers in time, a second."""


@dataclass(frozen=True)
class Curve:
    """One replica at ascending rates."""

    deadline: float
    """Of each request, in seconds."""
    points: list[Point]

    def at(self, rate: float, name: str) -> float:
        """Returns a metric at a rate, between two points in proportion."""
        rates = [0.0, *(point.rate for point in self.points)]
        values = [0.0, *(point.metrics[name] for point in self.points)]
        return float(np.interp(rate, rates, values))


def measure(
    bundle: Path, load: Load, fractions: Sequence[float], deadlines: Sequence[float]
) -> tuple[float, list[Curve]]:
    """Returns a replica's peak by MLPerf's rule, and its metrics at fractions of it, ascending."""
    with Served(bundle, engines=1) as server, tempfile.TemporaryDirectory() as directory:
        metrics = f"http://{server.metrics_address}/metrics"
        peak = peak_rate(load.peak(server.address, metrics, None))
        rules = Path(directory) / "rules.yaml"
        rules.write_text("groups: []\n")
        with Scraping(Path(directory), {"replica": server.metrics_address}, rules) as scraping:
            scraping.until(lambda prometheus: bool(prometheus.at("up == 1", time.time())))
            rates = [peak * fraction for fraction in fractions]
            curves = [
                _curve(scraping.prometheus, server, load, deadline, rates) for deadline in deadlines
            ]
    return peak, curves


def _curve(
    prometheus: Prometheus, server: Served, load: Load, deadline: float, rates: Sequence[float]
) -> Curve:
    metrics = f"http://{server.metrics_address}/metrics"
    within = replace(load, timeout=deadline)
    points = []
    for rate in rates:
        report = within.at(server.address, metrics, rate, briefly=False)
        points.append(_point(prometheus, load, rate, report))
    return Curve(deadline, points)


def _point(prometheus: Prometheus, load: Load, rate: float, report: dict[str, Any]) -> Point:
    """Of a test that has just ended."""
    run = report["runs"][-1]
    window = f"{load.duration - SETTLING_SECONDS:.0f}s"
    now = time.time()
    found = {}
    for name, expression in SIGNALS.items():
        series = prometheus.at(expression.replace("{window}", window), now)
        found[name] = series[0].values[0] if series else 0.0
    return Point(rate, found, run["latency_ms"].get("97", float("inf")), run["goodput"])
