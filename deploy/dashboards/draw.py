"""Draws the dashboard where there is no Grafana: its layout, its queries, a Prometheus' answers.

Knows matplotlib and Grafana's panel kinds. Does not know what the panels show.
"""

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.colors import LinearSegmentedColormap

from deploy.dashboards.answers import Prometheus, Series, substituted
from deploy.dashboards.sheet import Axes, legend, sheet
from deploy.dashboards.units import written
from dragoman.drawing import BLUE, GREY, INK, MUTED, ORANGE, RED, TEAL

COLUMNS = 24
COLUMN_INCHES, UNIT_INCHES = 0.64, 0.33
"""Of Grafana's grid."""

TOP_INCHES, BOTTOM_INCHES = 0.5, 0.4
GAP_INCHES = 0.07
LEFT_INCHES, RIGHT_INCHES, HEADING_INCHES, LEGEND_INCHES = 0.62, 0.14, 0.34, 0.46

GREEN, YELLOW, PURPLE = "#3d8b4f", "#d4a106", "#7a4fa3"
NAMED = {"green": GREEN, "orange": ORANGE, "purple": PURPLE, "red": RED, "yellow": YELLOW}
CYCLE = (BLUE, ORANGE, TEAL, PURPLE, YELLOW, RED, GREEN, GREY)
HEAT = LinearSegmentedColormap.from_list("heat", ["#eaf2f8", "#7fb0d3", "#1b6ca8", "#0b3c61"])
DASHED = (0, (4, 2))


class Window(NamedTuple):
    """What time is drawn, in seconds since 1970."""

    start: float
    end: float
    step: float


class Drawing:
    """A dashboard on its way to a picture.

    Args:
        board: The dashboard, as Grafana reads it.
        prometheus: Is asked.
        variables: Values of Grafana's variables.
        window: When.
    """

    def __init__(
        self,
        board: Mapping[str, Any],
        prometheus: Prometheus,
        variables: Mapping[str, str],
        window: Window,
    ) -> None:
        self._board = board
        self._prometheus = prometheus
        self._variables = variables
        self._window = window
        places = [panel["gridPos"] for panel in board["panels"]]
        units = max(place["y"] + place["h"] for place in places)
        self._width = COLUMNS * COLUMN_INCHES
        self._height = units * UNIT_INCHES + TOP_INCHES + BOTTOM_INCHES

    def save(self, path: Path, caption: str) -> None:
        """Draws all panels.

        Args:
            path: Of the SVG to write.
            caption: Under them: where the values come from.
        """
        with sheet(self._width, self._height) as self._sheet:
            self._sheet.write(0.1, 0.3, self._board["title"], size=13, weight="bold")
            self._sheet.write(1.25, 0.3, self._board["description"], size=9, color=MUTED)
            self._sheet.write(0.1, self._height - 0.14, caption, size=7.5, color=MUTED)
            for panel in self._board["panels"]:
                self._panel(panel)
            path.write_text(self._sheet.svg(), encoding="utf-8")

    def _panel(self, panel: Mapping[str, Any]) -> None:
        place = panel["gridPos"]
        left = place["x"] * COLUMN_INCHES + GAP_INCHES
        top = place["y"] * UNIT_INCHES + TOP_INCHES
        width = place["w"] * COLUMN_INCHES - 2 * GAP_INCHES
        height = place["h"] * UNIT_INCHES - GAP_INCHES
        if panel["type"] == "row":
            self._sheet.write(left, top + 0.22, panel["title"], size=9.5, weight="bold")
            return
        self._sheet.card(left, top, width, height)
        self._sheet.write(left + 0.12, top + 0.2, panel["title"], size=8, weight="bold")
        if panel["type"] == "stat":
            self._stat(panel, left + 0.12, top + 0.86)
            return
        axes = self._sheet.axes(
            left + LEFT_INCHES,
            top + HEADING_INCHES,
            width - LEFT_INCHES - RIGHT_INCHES,
            height - HEADING_INCHES - LEGEND_INCHES,
        )
        if panel["type"] == "heatmap":
            self._heat_map(panel, axes)
        else:
            self._lines(panel, axes)
        self._time_axis(axes)

    def _stat(self, panel: Mapping[str, Any], left: float, base: float) -> None:
        (target,) = panel["targets"]
        expression = substituted(target["expr"], self._variables)
        (series,) = self._prometheus.at(expression, self._window.end)
        value, defaults = series.values[0], panel["fieldConfig"]["defaults"]
        colour = _threshold_colour(defaults["thresholds"]["steps"], value)
        words = written(value, defaults["unit"])
        self._sheet.write(left, base, words, size=21, weight="bold", color=colour)

    def _lines(self, panel: Mapping[str, Any], axes: Axes) -> None:
        named = _named_series(panel, self._answers(panel))
        colours = _colours(panel, [name for name, _ in named])
        defaults = panel["fieldConfig"]["defaults"]
        custom = defaults.get("custom", {})
        steps = "steps-post" if custom.get("lineInterpolation") == "stepAfter" else "default"
        times, rows = self._grid([series for _, series in named])
        moves = np.nan_to_num(rows).any(axis=1)
        if custom.get("stacking", {}).get("mode") == "normal":
            filled = np.nan_to_num(rows).cumsum(axis=0)
            below = np.vstack([np.zeros_like(times), filled[:-1]])
            for low, high, colour in zip(below, filled, colours, strict=True):
                axes.fill_between(times, low, high, color=colour, alpha=0.3, linewidth=0)
            rows = filled
        for (name, _), row, colour, tells in zip(named, rows, colours, moves, strict=True):
            # There is no room for the names of all that never happened.
            label = name if tells or not moves.any() else f"_{name}"
            axes.plot(times, row, color=colour, label=label, drawstyle=steps)
        if "thresholdsStyle" in custom:
            bound = defaults["thresholds"]["steps"][1]["value"]
            axes.axhline(bound, color=RED, linewidth=0.9, linestyle=DASHED)
        axes.set_ylim(0, defaults.get("max", 1.06 * max(axes.get_ylim()[1], 1e-9)))
        if defaults["unit"] == "bytes":
            axes.set_yticks(_binary_ticks(axes.get_ylim()[1]))
        else:
            axes.locator_params(axis="y", nbins=5)
        axes.yaxis.set_major_formatter(lambda value, _: written(value, defaults["unit"]))
        legend(axes)

    def _heat_map(self, panel: Mapping[str, Any], axes: Axes) -> None:
        found = sorted(self._answers(panel)[0], key=lambda series: float(series.labels["le"]))
        _, rows = self._grid(found)
        counts = np.diff(np.nan_to_num(rows), axis=0, prepend=0).clip(0)
        used = np.flatnonzero(counts.sum(axis=1) > 0)
        first, last = max(used[0] - 1, 0), used[-1] + 2
        bounds = [float(series.labels["le"]) for series in found][first:last]
        shown = np.ma.masked_less(counts[first:last] ** 0.5, 0.3)
        extent = (0.0, self._minutes, 0, len(bounds))
        axes.imshow(shown, cmap=HEAT, aspect="auto", origin="lower", extent=extent)
        axes.grid(visible=False)
        unit = panel["options"]["yAxis"]["unit"]
        ticks = range(0, len(bounds), 4)
        axes.set_yticks([tick + 1 for tick in ticks], [written(bounds[t], unit) for t in ticks])

    def _time_axis(self, axes: Axes) -> None:
        axes.set_xlim(0, self._minutes)
        axes.locator_params(axis="x", nbins=6, integer=True)
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g} min" if value else "")

    @property
    def _minutes(self) -> float:
        return (self._window.end - self._window.start) / 60

    def _answers(self, panel: Mapping[str, Any]) -> list[list[Series]]:
        expressions = [substituted(target["expr"], self._variables) for target in panel["targets"]]
        return [self._prometheus.during(asked, *self._window) for asked in expressions]

    def _grid(self, found: Sequence[Series]) -> tuple[Any, Any]:
        """Minutes, and the series' values at each: (times,), (series, times); NaN for none."""
        start, end, step = self._window
        count = int((end - start) / step) + 1
        rows = np.full((len(found), count), np.nan)
        for row, series in zip(rows, found, strict=True):
            row[[round((time - start) / step) for time in series.times]] = series.values
        return np.arange(count) * step / 60, rows


def _named_series(
    panel: Mapping[str, Any], answers: Sequence[Sequence[Series]]
) -> list[tuple[str, Series]]:
    return [
        (_name(target["legendFormat"], series), series)
        for target, found in zip(panel["targets"], answers, strict=True)
        for series in sorted(found, key=lambda series: sorted(series.labels.items()))
    ]


def _name(legend: str, series: Series) -> str:
    return re.sub(r"{{(\w+)}}", lambda match: series.labels.get(match[1], ""), legend)


def _colours(panel: Mapping[str, Any], names: Sequence[str]) -> list[str]:
    """The panel's own for some names, and others in turn."""
    given = {
        override["matcher"]["options"]: NAMED[override["properties"][0]["value"]["fixedColor"]]
        for override in panel["fieldConfig"]["overrides"]
    }
    others = [colour for colour in CYCLE if colour not in given.values()]
    left = [name for name in names if name not in given]
    return [given.get(name) or others[left.index(name) % len(others)] for name in names]


def _threshold_colour(steps: Sequence[Mapping[str, Any]], value: float) -> str:
    reached = [step for step in steps if step["value"] is None or value >= step["value"]]
    return NAMED.get(reached[-1]["color"], INK)


def _binary_ticks(top: float) -> list[float]:
    step = 2.0 ** math.ceil(math.log2(top / 5))
    return [step * index for index in range(int(top / step) + 1)]
