"""Replicas over time, needed and simulated; and the signals that they follow, over the load."""

from pathlib import Path
from typing import Any

from tests.bench.autoscaling_report import AutoscalingReport, Simulation
from tests.bench.drawing import COLOURS, picture
from tests.bench.scaling_curve import Curve

NEEDED = "#8a8a8a"
SIGNALS = {
    "dragoman_requests_per_second": ("requests", "#1b6ca8"),
    "dragoman_requests_running": ("running texts", "#d98e04"),
    "dragoman_requests_waiting": ("waiting texts", "#5b8c5a"),
    "queue_seconds": ("p97 of the queue", "#a0407a"),
}


def draw_autoscaling(report: AutoscalingReport, path: Path) -> None:
    """Draws a line of panels for each deadline: signals, then what two autoscalers make of them."""
    shown = ("the component autoscaling", "waiting texts")
    size = (11, 2.9 * len(report.curves))
    with picture(path, "Autoscaling, simulated", size, (len(report.curves), 3)) as axes:
        for line, curve in zip(axes, report.curves, strict=True):
            _draw_signals(line[0], curve, report.peak)
            for panel, signals in zip(line[1:], shown, strict=True):
                (simulation,) = [
                    each
                    for each in report.simulations
                    if each.signals == signals and each.deadline == curve.deadline
                ]
                _draw_replicas(panel, simulation)


def _draw_signals(panel: Any, curve: Curve, peak: float) -> None:
    """Each as multiples of what it is at the peak, so that proportion is a straight line."""
    rates = [point.rate / peak for point in curve.points]
    panel.plot([0, 2], [0, 2], color="#cccccc", linewidth=1)
    for name, (label, colour) in SIGNALS.items():
        at_peak = curve.at(peak, name) or 1.0
        values = [point.metrics[name] / at_peak for point in curve.points]
        panel.plot(rates, values, marker="o", markersize=3, color=colour, label=label)
    panel.set_ylim(0, 4)
    panel.set_xlim(0, 2)
    panel.set_title(f"one replica, deadline {curve.deadline * 1000:.0f} ms")
    panel.set_xlabel("load, in peaks of a replica")
    panel.set_ylabel("signal, to that at the peak")
    panel.legend(loc="upper left", frameon=False, fontsize=8)


def _draw_replicas(panel: Any, simulation: Simulation) -> None:
    minutes = [tick.at / 60 for tick in simulation.ticks]
    needed = [tick.needed for tick in simulation.ticks]
    serving = [tick.serving for tick in simulation.ticks]
    planned = [tick.planned for tick in simulation.ticks]
    panel.fill_between(minutes, needed, step="post", color=NEEDED, alpha=0.35, label="needed")
    panel.step(minutes, planned, where="post", color=NEEDED, linestyle=":", label="planned")
    panel.step(minutes, serving, where="post", color=COLOURS["dragoman"], label="serving")
    panel.set_title(f"replicas, by {simulation.signals}")
    panel.set_xlabel("minutes")
    panel.set_ylabel("replicas")
    panel.set_ylim(bottom=0)
    panel.legend(loc="upper left", frameon=False, fontsize=8)
