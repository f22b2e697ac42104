"""How the dashboard's panels look.

Knows Grafana's panel kinds. Does not know what they show.
"""

from collections.abc import Mapping
from typing import NamedTuple

from grafana_foundation_sdk.builders import common, heatmap, prometheus, stat, timeseries
from grafana_foundation_sdk.builders.dashboard import ThresholdsConfig
from grafana_foundation_sdk.models.common import (
    BigValueColorMode,
    BigValueGraphMode,
    GraphThresholdsStyleMode,
    LegendDisplayMode,
    LegendPlacement,
    LineInterpolation,
    ScaleDistribution,
    StackingMode,
    TooltipDisplayMode,
    VisibilityMode,
)
from grafana_foundation_sdk.models.dashboard import (
    DataSourceRef,
    DynamicConfigValue,
    Threshold,
    ThresholdsMode,
)
from grafana_foundation_sdk.models.heatmap import HeatmapColorMode
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

SOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")

THIRD, QUARTER, SIXTH = 8, 6, 4
"""Of the 24 columns of Grafana's grid."""

GRAPH_HEIGHT = 7
STAT_HEIGHT = 4

GOOD, BAD = "green", "red"


class Query(NamedTuple):
    """An expression and what its series are called."""

    expression: str
    legend: str = ""


def lines(title: str, description: str, unit: str, *queries: Query) -> timeseries.Panel:
    """Draws a line for each series."""
    panel = (
        timeseries.Panel()
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .unit(unit)
        .min(0)
        .span(THIRD)
        .height(GRAPH_HEIGHT)
        .fill_opacity(6)
        .show_points(VisibilityMode.NEVER)
        .legend(
            common.VizLegendOptions()
            .show_legend(True)
            .display_mode(LegendDisplayMode.LIST)
            .placement(LegendPlacement.BOTTOM)
        )
        .tooltip(common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI))
    )
    for index, query in enumerate(queries):
        panel.with_target(_target(query, index).range())
    return panel


def stacked(panel: timeseries.Panel) -> timeseries.Panel:
    """Puts the series on top of each other: together they are the whole."""
    stack = common.StackingConfig().mode(StackingMode.NORMAL).group("A")
    return panel.stacking(stack).fill_opacity(35)


def stepped(panel: timeseries.Panel) -> timeseries.Panel:
    """For what is counted, and has no values in between."""
    return panel.line_interpolation(LineInterpolation.STEP_AFTER)


def bounded(panel: timeseries.Panel, bound: float) -> timeseries.Panel:
    """Marks the value from which on it is too much."""
    dashed = common.GraphThresholdsStyleConfig().mode(GraphThresholdsStyleMode.DASHED)
    return panel.thresholds(_turns(GOOD, bound, BAD)).thresholds_style(dashed)


def coloured(panel: timeseries.Panel, colours: Mapping[str, str]) -> timeseries.Panel:
    """Gives series a colour by their name."""
    for name, colour in colours.items():
        fixed = DynamicConfigValue("color", {"mode": "fixed", "fixedColor": colour})
        panel.override_by_name(name, [fixed])
    return panel


def figure(title: str, description: str, unit: str, expression: str) -> stat.Panel:
    """Shows one value, as it is now."""
    last = common.ReduceDataOptions().calcs(["lastNotNull"])
    return (
        stat.Panel()
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .unit(unit)
        .span(SIXTH)
        .height(STAT_HEIGHT)
        .graph_mode(BigValueGraphMode.NONE)
        .color_mode(BigValueColorMode.VALUE)
        .reduce_options(last)
        .thresholds(_steps(Threshold(None, "text")))
        .with_target(_target(Query(expression), 0).instant())
    )


def too_low(panel: stat.Panel, bound: float) -> stat.Panel:
    """Turns red under the bound."""
    return panel.thresholds(_turns(BAD, bound, GOOD))


def too_high(panel: stat.Panel, bound: float) -> stat.Panel:
    """Turns red from the bound on."""
    return panel.thresholds(_turns(GOOD, bound, BAD))


def heat_map(title: str, description: str, unit: str, expression: str) -> heatmap.Panel:
    """Draws how many observations fell into each bucket, `le`, of a histogram."""
    buckets = _target(Query(expression, "{{le}}"), 0).range().format(PromQueryFormat.HEATMAP)
    colour = heatmap.HeatmapColorOptions().mode(HeatmapColorMode.SCHEME).scheme("Blues").steps(64)
    return (
        heatmap.Panel()
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .span(THIRD)
        .height(GRAPH_HEIGHT)
        .color(colour)
        .y_axis(heatmap.YAxisConfig().unit(unit))
        .scale_distribution(common.ScaleDistributionConfig().type(ScaleDistribution.LINEAR))
        .show_legend()
        .with_target(buckets)
    )


def _target(query: Query, index: int) -> prometheus.Dataquery:
    return (
        prometheus.Dataquery()
        .datasource(SOURCE)
        .expr(query.expression)
        .legend_format(query.legend)
        .ref_id("ABCDEF"[index])
    )


def _turns(below: str, bound: float, above: str) -> ThresholdsConfig:
    return _steps(Threshold(None, below), Threshold(bound, above))


def _steps(*steps: Threshold) -> ThresholdsConfig:
    return ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(list(steps))
