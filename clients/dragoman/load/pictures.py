"""The pictures of a report, each as the text of an SVG.

Knows what a load test found and what to show of it; how pictures look is elsewhere.
"""

from collections.abc import Sequence
from typing import Any

from dragoman.drawing import (
    BLUE,
    GREY,
    INK,
    MUTED,
    ON_COLOUR,
    ORANGE,
    RED,
    SURFACE,
    TEAL,
    canvas,
    legend,
    note,
)
from dragoman.load.figures import at_percentile, readable
from dragoman.load.result import Report, Run, Stages

Panel = Any
"""Of matplotlib, whose types are not at hand."""

DASHED = (0, (4, 2))
DOTTED = (0, (1, 2))

CURVE_STEP = 0.5
"""Per cent between two quantiles of a curve."""

WIDE_ENOUGH = 0.08
"""Share of the bar from which a stage has room for its figure."""


def distribution_picture(report: Report) -> str:
    """Draws what share of the texts was translated within what time.

    Args:
        report: At least one text of its result was translated.
    """
    run, percentile = report.result, report.latency_percentile
    reached = at_percentile(run, percentile) or 0.0
    bound = report.latency_bound_ms if run.scenario == "server" else None
    shares = [CURVE_STEP * index for index in range(len(run.curve_ms))]
    with canvas(3.1) as drawing:
        (panel,) = drawing.panels
        panel.set_title("per cent of the translated texts")
        panel.set_xlabel("latency, ms")
        panel.set_xlim(0, _right_edge(run, reached, bound))
        panel.set_ylim(0, 109)
        panel.set_yticks([0, 25, 50, 75, 100])
        panel.fill_between(run.curve_ms, shares, color=BLUE, alpha=0.08, linewidth=0)
        panel.plot(run.curve_ms, shares, color=BLUE, linewidth=1.8)
        if bound is not None:
            _mark_bound(panel, bound)
        _mark_point(panel, reached, percentile)
        _mark_point(panel, at_percentile(run, 50) or 0.0, 50)
        _tell_tail(panel, run.curve_ms[-1])
        return drawing.svg("distribution", "Cumulative distribution of the latencies")


def _right_edge(run: Run, reached: float, bound: float | None) -> float:
    """As far as something is to be seen: a long tail, or a distant bound, is not drawn to scale."""
    slow = run.latency_ms["99"]
    edge = max(1.1 * slow if slow < 1.6 * reached else 1.6 * reached, 1.1 * reached)
    if bound is not None and bound < 2.5 * reached:
        edge = max(edge, 1.08 * bound)
    return edge


def _mark_bound(panel: Panel, bound: float) -> None:
    edge = panel.get_xlim()[1]
    words = f"bound {readable(bound)} ms"
    if bound > edge:
        words, bound, side = f"{words} →", edge, "right"
    else:
        panel.axvline(bound, color=RED, linewidth=1.2, linestyle=DASHED)
        side = "right" if bound > edge / 2 else "left"
    offset = (-4 if side == "right" else 4, 5)
    note(panel, words, (bound, 0), xytext=offset, color=RED, horizontalalignment=side)


def _mark_point(panel: Panel, latency: float, percentile: float) -> None:
    """Writes beside the curve: above it on the right of the panel, below it on the left."""
    guide = {"color": MUTED, "linewidth": 0.8, "linestyle": DOTTED}
    panel.plot([0, latency, latency], [percentile, percentile, 0], **guide)
    panel.plot([latency], [percentile], "o", color=BLUE, markersize=5)
    words, place = f"p{percentile:g}  {readable(latency)} ms", (latency, percentile)
    if latency > panel.get_xlim()[1] / 2:
        above = {"horizontalalignment": "right", "verticalalignment": "bottom"}
        note(panel, words, place, xytext=(-5, 3), **above)
    else:
        below = {"horizontalalignment": "left", "verticalalignment": "top"}
        note(panel, words, place, xytext=(6, -5), **below)


def _tell_tail(panel: Panel, slowest: float) -> None:
    edge = panel.get_xlim()[1]
    if slowest > edge:
        words = f"slowest {readable(slowest)} ms →"
        panel.set_title(words, loc="right", color=MUTED)


def rates_picture(report: Report) -> str:
    """Draws the latencies of a search over the rates that it tried.

    Args:
        report: At least one of its runs has a rate and translated something.
    """
    tried = [run for run in report.runs if run.offered_rate is not None and run.latency_ms]
    runs = sorted(tried, key=lambda run: (run.target_rate or 0.0, run.curve_ms))
    percentile, bound = report.latency_percentile, report.latency_bound_ms
    with canvas(3.1) as drawing:
        (panel,) = drawing.panels
        panel.set_title("latency, ms")
        panel.set_xlabel("offered, texts per second")
        panel.set_ylim(0, _top_edge([at_percentile(run, percentile) or 0.0 for run in runs], bound))
        _draw_rates(panel, runs, 50.0, TEAL)
        _draw_rates(panel, runs, percentile, BLUE)
        panel.axhline(bound, color=RED, linewidth=1.2, linestyle=DASHED, label="bound")
        panel.plot([], [], "o", color=GREY, markerfacecolor="none", markersize=5, label="invalid")
        if report.peak is not None:
            _mark_peak(panel, report.result.offered_rate or 0.0)
        legend(panel, columns=4)
        return drawing.svg("rates", "Latency over the offered rate")


def _top_edge(reached: Sequence[float], bound: float) -> float:
    """As far as rates near the peak can be told apart; what is above is drawn at the edge."""
    return min(1.12 * max(*reached, bound), 2.5 * bound)


def _draw_rates(panel: Panel, runs: Sequence[Run], percentile: float, colour: str) -> None:
    """Marks all runs and joins the fastest ones of each rate; `runs` ascend by rate and latency."""
    latencies = [at_percentile(run, percentile) or 0.0 for run in runs]
    fastest: dict[float | None, tuple[float, float]] = {}
    for run, latency in zip(runs, latencies, strict=True):
        fastest.setdefault(run.target_rate, (run.offered_rate or 0.0, latency))
    panel.plot(*zip(*fastest.values(), strict=True), color=colour, label=f"p{percentile:g}")
    top = panel.get_ylim()[1]
    for run, latency in zip(runs, latencies, strict=True):
        mark = "o" if latency <= top else "^"
        fill = colour if run.valid else SURFACE
        how = {"color": colour, "markerfacecolor": fill, "markersize": 5, "clip_on": False}
        panel.plot([run.offered_rate], [min(latency, top)], mark, zorder=3, **how)


def _mark_peak(panel: Panel, rate: float) -> None:
    panel.axvline(rate, color=INK, linewidth=0.8, linestyle=DOTTED, zorder=1)
    lowest, highest = panel.get_xlim()
    is_right = rate > (lowest + highest) / 2
    side = {"xytext": (-5 if is_right else 5, -2), "verticalalignment": "top"}
    top = (rate, panel.get_ylim()[1])
    words = f"peak {readable(rate)}/s"
    note(panel, words, top, horizontalalignment="right" if is_right else "left", **side)


def stages_picture(stages: Stages) -> str:
    """Draws where the mean time of a text went, as one bar."""
    parts = [
        ("queue", ORANGE, stages.queue_ms),
        ("encode", TEAL, stages.encode_ms),
        ("decode", BLUE, stages.decode_ms),
        ("rest", GREY, stages.rest_ms),
    ]
    total = sum(max(milliseconds, 0.0) for _, _, milliseconds in parts) or 1.0
    with canvas(1.15) as drawing:
        (panel,) = drawing.panels
        panel.set_title("where the mean time of a text went")
        panel.axis("off")
        panel.set_xlim(0, 1)
        panel.set_ylim(-1.1, 1)
        start = 0.0
        for column, (name, colour, milliseconds) in enumerate(parts):
            width = max(milliseconds, 0.0) / total
            panel.barh(0.5, width, left=start, height=0.9, color=colour, edgecolor=SURFACE)
            if width >= WIDE_ENOUGH:
                middle = {"horizontalalignment": "center", "verticalalignment": "center"}
                panel.text(
                    start + width / 2, 0.5, readable(milliseconds), color=ON_COLOUR, **middle
                )
            start += width
            _name_stage(panel, column / len(parts), colour, f"{name} {readable(milliseconds)} ms")
        return drawing.svg("stages", "Where the time of a text went")


def _name_stage(panel: Panel, left: float, colour: str, words: str) -> None:
    panel.plot([left + 0.008], [-0.6], "s", color=colour, markersize=7, clip_on=False)
    panel.text(left + 0.028, -0.6, words, color=INK, verticalalignment="center")
