"""The picture of a run's seconds: panels one above the other, as the text of an SVG.

Knows what a moment holds; how pictures look is elsewhere.
"""

from collections.abc import Iterable, Sequence
from math import isnan, nan
from typing import NamedTuple

from dragoman.drawing import BLUE, ORANGE, TEAL, canvas, legend
from dragoman.load.result import Moment, Report

FEW_SECONDS = 120
"""Up to which lines are drawn thick."""


class Series(NamedTuple):
    """What is drawn of the seconds of a run; NaN where it is not known."""

    name: str
    colour: str
    values: list[float]

    @property
    def is_known(self) -> bool:
        """Whether there is anything to draw."""
        return any(not isnan(value) for value in self.values)


def timeline_picture(report: Report) -> str:
    """Draws the seconds of the result; a panel that would be empty is left out.

    Args:
        report: Its result has a timeline.
    """
    moments = report.result.timeline
    edges = [moments[0].second - moments[0].seconds, *(moment.second for moment in moments)]
    told = [(title, [s for s in series if s.is_known]) for title, series in _series(moments)]
    told = [(title, series) for title, series in told if series]
    width = 1.3 if len(moments) <= FEW_SECONDS else 0.7
    with canvas(0.4 + 1.5 * len(told), panels=len(told)) as drawing:
        for panel, (title, series) in zip(drawing.panels, told, strict=True):
            panel.set_title(title)
            for name, colour, values in series:
                panel.stairs(
                    values, edges, baseline=None, color=colour, linewidth=width, label=name
                )
            panel.set_ylim(0, _top_edge(series))
            if len(series) > 1:
                legend(panel, columns=len(series))
        drawing.panels[-1].set_xlim(edges[0], edges[-1])
        drawing.panels[-1].set_xlabel("seconds")
        return drawing.svg("timeline", "The run second by second")


def _top_edge(series: Sequence[Series]) -> float:
    highest = max(value for each in series for value in each.values if not isnan(value))
    return 1.12 * highest or 1.0


def _series(moments: Sequence[Moment]) -> list[tuple[str, list[Series]]]:
    answered = [moment.answered / moment.seconds for moment in moments]
    refused = [moment.refused / moment.seconds for moment in moments]
    anything_refused = any(refused)
    return [
        (
            "texts per second",
            [
                Series("answered", BLUE, answered),
                Series("refused", ORANGE, refused if anything_refused else []),
            ],
        ),
        (
            "latency, ms",
            [
                Series("p50", TEAL, _known(moment.p50_ms for moment in moments)),
                Series("p97", BLUE, _known(moment.p97_ms for moment in moments)),
            ],
        ),
        (
            "texts in the server",
            [
                Series("waiting", ORANGE, _known(moment.waiting for moment in moments)),
                Series("running", BLUE, _known(moment.running for moment in moments)),
            ],
        ),
        (
            "rows of a decoding step",
            [Series("rows", BLUE, _known(moment.rows_per_step for moment in moments))],
        ),
    ]


def _known(values: Iterable[float | None]) -> list[float]:
    return [nan if value is None else value for value in values]
