"""Asks a Prometheus what the dashboard asks it, as Grafana would.

Knows Prometheus' HTTP API and Grafana's variables. Does not know what is asked.
"""

import json
import urllib.parse
import urllib.request
from collections.abc import Mapping
from typing import Any, NamedTuple

TIMEOUT_SECONDS = 30


class Series(NamedTuple):
    """Values of one combination of labels. Those that are not numbers are left out."""

    labels: dict[str, str]
    times: list[float]
    """Seconds since 1970."""
    values: list[float]


class Prometheus:
    """One that runs.

    Args:
        url: Where it listens, `http://HOST:PORT`.
    """

    def __init__(self, url: str) -> None:
        self._url = url

    def at(self, expression: str, time: float) -> list[Series]:
        """Returns what an expression is at a moment.

        Raises:
            OSError: Prometheus does not answer, or finds the expression wrong.
        """
        found = self.get("query", query=expression, time=time)["result"]
        return _series([entry | {"values": [entry["value"]]} for entry in found])

    def during(self, expression: str, start: float, end: float, step: float) -> list[Series]:
        """Returns what an expression was every `step` seconds.

        Raises:
            OSError: Prometheus does not answer, or finds the expression wrong.
        """
        window = {"start": start, "end": end, "step": step}
        return _series(self.get("query_range", query=expression, **window)["result"])

    def get(self, path: str, **parameters: object) -> Any:  # noqa: ANN401  whatever it has to say
        """Returns the data of an answer of the HTTP API."""
        question = urllib.parse.urlencode(parameters)
        address = f"{self._url}/api/v1/{path}?{question}"
        with urllib.request.urlopen(address, timeout=TIMEOUT_SECONDS) as page:  # noqa: S310  as given
            return json.load(page)["data"]


def substituted(expression: str, variables: Mapping[str, str]) -> str:
    """Returns an expression with the variables' values in it."""
    for name in sorted(variables, key=len, reverse=True):
        expression = expression.replace(f"${name}", variables[name])
    return expression


def _series(entries: list[dict[str, Any]]) -> list[Series]:
    found = []
    for entry in entries:
        points = [(time, float(value)) for time, value in entry["values"] if value != "NaN"]
        if points:
            times, values = zip(*points, strict=True)
            found.append(Series(entry["metric"], list(times), list(values)))
    return found
