"""How many replicas Kubernetes' autoscaler would run, and how many the load test says are needed.

    python -m tests.bench.autoscaling --bundle DIR --data DIR --json build/bench/autoscaling.json

One replica of one engine is measured: its peak by MLPerf's rule, and what Prometheus says of it at
rising rates. Then a load that rises to six peaks and falls is simulated: each replica has its part
of the load and the metrics that were measured at such a rate, and the autoscaler goes by them.
"""

import argparse
import math
import tempfile
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from tests.bench.autoscaler import SYNC_SECONDS, Autoscaler, Plan
from tests.bench.autoscaling_chart import draw_autoscaling
from tests.bench.autoscaling_report import (
    AutoscalingReport,
    Simulation,
    Tick,
    autoscaling_table,
)
from tests.bench.corpus import Corpus
from tests.bench.load_runs import Load
from tests.bench.origin import Origin, load_average
from tests.bench.scaling_curve import Curve, measure
from tests.bench.tables import text_table

ROOT = Path(__file__).parents[2]
AUTOSCALER = ROOT / "deploy/components/autoscaling/horizontal-pod-autoscaler.yaml"
LIBRARIES = ("onnxruntime", "grpcio", "mlcommons-loadgen")

FRACTIONS = (0.1, 0.25, 0.4, 0.55, 0.7, 0.8, 0.9, 1.0, 1.15, 1.3, 1.6, 2.0)
DEADLINES = (0.25, 2.0)

PLANNED = 0.8
"""Of its peak, what a replica is planned for: the rest is for the minute until others are there."""

METRIC_SECONDS = 60.0
"""Over which Prometheus takes means."""
START_SECONDS = 30.0
"""From the decision to a replica that serves."""

PROFILE_SECONDS = (0.0, 1200.0, 1500.0, 2100.0, 3000.0)
PROFILE_PEAKS = (0.5, 6.0, 6.0, 0.5, 0.5)
"""The load at these moments, in peaks of one replica; straight lines between."""

QUEUE = "dragoman_requests_waiting"

ALONE = {
    "requests a second": "dragoman_requests_per_second",
    "running texts": "dragoman_requests_running",
    "waiting texts": QUEUE,
    "p97 of the time in the queue": "queue_seconds",
}
"""Signals that are tried one by one."""


class Replicas:
    """Those that serve; a new one begins START_SECONDS after it was wanted."""

    def __init__(self, count: int) -> None:
        self._serving = count
        self._coming: deque[tuple[float, int]] = deque()  # when, how many there are then

    def at(self, now: float) -> int:
        """Returns how many serve."""
        while self._coming and self._coming[0][0] <= now:
            self._serving = self._coming.popleft()[1]
        return self._serving

    def want(self, count: int, now: float) -> None:
        """Starts some, or stops some at once."""
        if count <= self._serving:
            self._coming.clear()
            self._serving = count
        elif count != (self._coming[-1][1] if self._coming else self._serving):
            self._coming.append((now + START_SECONDS, count))


def simulate(signals: str, plan: Plan, curve: Curve, peak: float) -> Simulation:
    """Lets an autoscaler follow the profile."""
    scaler, replicas = Autoscaler(plan, plan.least), Replicas(plan.least)
    samples = round(METRIC_SECONDS / SYNC_SECONDS)
    seen: dict[str, deque[float]] = {name: deque(maxlen=samples) for name in plan.targets}
    ticks = []
    for now in np.arange(0, PROFILE_SECONDS[-1], SYNC_SECONDS).tolist():
        serving = replicas.at(now)
        load = peak * float(np.interp(now, PROFILE_SECONDS, PROFILE_PEAKS))
        for name, values in seen.items():
            values.append(curve.at(load / serving, name))
        metrics = {name: float(np.mean(values)) for name, values in seen.items()}
        ticks.append(
            Tick(
                now,
                load,
                needed=max(plan.least, math.ceil(load / peak)),
                planned=max(plan.least, math.ceil(load / peak / PLANNED)),
                serving=serving,
                metrics=metrics,
            )
        )
        replicas.want(scaler.decide(now, metrics), now)
    return Simulation(signals, curve.deadline, plan.targets, ticks)


def plans(curve: Curve, peak: float) -> dict[str, Plan]:
    """Returns the committed autoscaler, and others that go by one signal each.

    Targets are what a signal is where a replica does what it is planned for, as docs/kubernetes.md
    says that they be found; that of a queue, of which there is hardly any then, is the committed.
    """
    committed = Plan.of_autoscaler(AUTOSCALER)
    sets = {"the component autoscaling": tuple(committed.targets)}
    sets |= {title: (name,) for title, name in ALONE.items()}
    return {
        title: replace(
            committed,
            most=20,
            targets={
                name: committed.targets[name] if name == QUEUE else curve.at(PLANNED * peak, name)
                for name in names
            },
        )
        for title, names in sets.items()
    }


def main() -> None:
    """Prints a table; writes JSON and a picture where asked to."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("--bundle", type=Path, help="what a replica serves")
    add("--data", type=Path, help="directory of tatoeba_test; default: a sample")
    add("--duration", type=float, default=20.0, help="seconds at each rate")
    add("--earlier", type=Path, help="JSON of an earlier run, whose metrics are taken instead")
    add("--json", type=Path, help="all the figures")
    add("--picture", type=Path, help="where to draw it")
    arguments = parser.parse_args()
    if (arguments.bundle is None) == (arguments.earlier is None):
        parser.error("give either --bundle or --earlier")
    report = _of_earlier(arguments.earlier) if arguments.earlier else _of_bundle(arguments)
    print(report.origin.heading(report.corpus, 1))
    print(f"peak of a replica: {report.peak:.0f} requests/s")
    print(text_table(*autoscaling_table(report.simulations)))
    if arguments.json:
        report.save(arguments.json)
    if arguments.picture:
        draw_autoscaling(report, arguments.picture)


def _of_bundle(arguments: argparse.Namespace) -> AutoscalingReport:
    corpus = Corpus.built_in()
    if arguments.data is not None:
        corpus = Corpus.read(arguments.data, (("tatoeba_test", 1000),))
    loads = [load_average()]
    with tempfile.TemporaryDirectory() as directory:
        source = Path(directory) / "sources.txt"
        source.write_text("".join(f"{text}\n" for text in corpus.sources), "utf-8")
        load = Load(source, duration=arguments.duration, trial_duration=arguments.duration / 2)
        peak, curves = measure(arguments.bundle, load, FRACTIONS, DEADLINES)
    loads.append(load_average())
    origin = Origin.here("tests.bench.autoscaling", LIBRARIES, loads)
    return AutoscalingReport(origin, corpus.name, peak, curves, simulate_all(curves, peak))


def _of_earlier(path: Path) -> AutoscalingReport:
    """Simulates anew on what was measured."""
    report = AutoscalingReport.read(path)
    return replace(report, simulations=simulate_all(report.curves, report.peak))


def simulate_all(curves: Sequence[Curve], peak: float) -> list[Simulation]:
    """Simulates each autoscaler on each curve."""
    return [
        simulate(signals, plan, curve, peak)
        for curve in curves
        for signals, plan in plans(curve, peak).items()
    ]


if __name__ == "__main__":
    main()
