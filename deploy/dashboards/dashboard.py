"""Writes the dashboard: `python -m deploy.dashboards.dashboard`.

Knows its rows and its variables. Does not know what the panels ask.
"""

from collections.abc import Sequence
from pathlib import Path

from grafana_foundation_sdk.builders import heatmap, stat, timeseries
from grafana_foundation_sdk.builders.dashboard import (
    Dashboard,
    DatasourceVariable,
    QueryVariable,
    Row,
)
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    VariableOption,
    VariableRefresh,
    VariableSort,
)

from deploy.dashboards.callers import by_caller_class
from deploy.dashboards.panels import SOURCE
from deploy.dashboards.replicas import engines, processes
from deploy.dashboards.requests import requests, service

Panel = stat.Panel | timeseries.Panel | heatmap.Panel

ANYTHING = ".*"
"""Even series without the label, as there are where a Prometheus was told of servers by hand."""

FILE = Path(__file__).parents[1] / "components/monitoring/dashboard.json"


def dashboard() -> Dashboard:
    """Returns all of it."""
    board = (
        Dashboard("Dragoman")
        .uid("dragoman")
        .description("Translation servers: what their users see, and how much they are used.")
        .tags(["dragoman", "translation"])
        .time("now-1h", "now")
        .refresh("30s")
        .timezone("browser")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .with_variable(DatasourceVariable("datasource").label("Source").type("prometheus"))
        .with_variable(_labels("namespace", "").all_value(ANYTHING))
        .with_variable(_labels("job", 'namespace=~"$namespace"'))
        .with_variable(_labels("pod", 'namespace=~"$namespace", job=~"$job"').all_value(ANYTHING))
        .with_variable(_labels("model", 'namespace=~"$namespace", job=~"$job"').all_value(ANYTHING))
    )
    rows: list[tuple[str, Sequence[Panel]]] = [
        ("Is all well?", service()),
        ("Requests and texts", requests()),
        ("By caller class", by_caller_class()),
        ("Engines", engines()),
        ("Processes", processes()),
    ]
    number = 0
    for title, panels in rows:
        number += 1
        board.with_row(Row(title).id(number))
        for panel in panels:
            number += 1
            board.with_panel(panel.id(number))
    return board


def text() -> str:
    """Returns the dashboard as Grafana reads it."""
    return JSONEncoder(indent=2, sort_keys=True).encode(dashboard().build()) + "\n"


def _labels(name: str, matchers: str) -> QueryVariable:
    """A choice among the values that a label has on the servers, any number of them."""
    return (
        QueryVariable(name)
        .label(name.capitalize())
        .datasource(SOURCE)
        .query(f"label_values(dragoman_model_info{{{matchers}}}, {name})")
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        .current(VariableOption(selected=True, text="All", value="$__all"))
    )


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
