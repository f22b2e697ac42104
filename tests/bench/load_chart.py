"""Latency over offered rate: every test of both servers' searches, and the bound."""

from pathlib import Path
from typing import Any

from tests.bench.drawing import COLOURS, MODELS, NAMES, picture
from tests.bench.load_report import Contest

BOUND_MS = 250
HIGHEST_MS = 4 * BOUND_MS
"""What is above is drawn there: how late an overloaded server gets depends on how long it is."""

MARKERS = {"dragoman": "o", "ctranslate2": "s"}


def draw_load(contest: Contest, path: Path) -> None:
    """Draws one model's tests."""
    title = f"Under load: {MODELS[contest.model]}, {contest.precision}"
    with picture(path, title, (8, 3.9), (1, 1)) as axes:
        panel = axes[0, 0]
        panel.axhline(BOUND_MS, color="#444444", linewidth=1, linestyle="--")
        panel.annotate(
            f"{BOUND_MS} ms", (0.005, BOUND_MS), xycoords=("axes fraction", "data"), va="bottom"
        )
        for system, peaks in (("dragoman", contest.ours), ("ctranslate2", contest.peer)):
            _draw(panel, system, contest.tried.get(system, []), peaks)
        panel.set_xlim(left=0)
        panel.set_ylim(0, HIGHEST_MS * 1.04)
        what = f"one {contest.sentences} sentence"
        panel.set_xlabel(f"requests a second, of {what}, arriving at random")
        panel.set_ylabel("p97 from the scheduled time, in ms")
        panel.grid(color="#dddddd", linewidth=0.6)
        panel.set_axisbelow(True)
        panel.legend(loc="upper left", framealpha=1, edgecolor="none")


def _draw(panel: Any, system: str, tried: list[tuple[float, float]], peaks: list[float]) -> None:
    style: dict[str, Any] = {"color": COLOURS[system], "marker": MARKERS[system]}
    rates = [rate for rate, _ in tried]
    latencies = [min(latency, HIGHEST_MS) for _, latency in tried]
    panel.plot(
        rates, latencies, linestyle="", markersize=4, alpha=0.6, label=NAMES[system], **style
    )
    for number, peak in enumerate(peaks):
        label = f"its peaks, {min(peaks):.4g} to {max(peaks):.4g}" if number == 0 else None
        panel.axvline(peak, color=COLOURS[system], linewidth=1, alpha=0.8, label=label)
