"""Offline throughput and single-stream latency as bars, one picture a model."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.bench.drawing import COLOURS, MODELS, NAMES, Panels, picture
from tests.bench.latency_report import LatencyRow, Stream, latency_rows
from tests.bench.report import Contender, Row, rows

WIDTH = 8
BAR_INCHES = 0.28
PANEL_INCHES = 0.7
"""Title and axis of a panel."""
TITLE_INCHES = 0.4


def _layout(bars: int, panels: int) -> tuple[tuple[float, float], Panels]:
    """Returns the size of a picture, and its panels one above the other."""
    return (WIDTH, BAR_INCHES * bars + PANEL_INCHES * panels + TITLE_INCHES), (panels, 1)


def draw_offline(contenders: Sequence[Contender], path: Path) -> None:
    """Draws one model's tokens per second, a panel for each beam size."""
    by_beam: dict[int, list[Row]] = {}
    for row in rows(contenders):
        by_beam.setdefault(row.contender.beam_size, []).append(row)
    size, panels = _layout(len(contenders), len(by_beam))
    with picture(path, MODELS[contenders[0].model], size, panels) as axes:
        for panel, (beam, found) in zip(axes[:, 0], sorted(by_beam.items()), strict=True):
            _draw_throughput(panel, found)
            panel.set_title(f"beam {beam}")
        axes[-1, 0].set_xlabel(
            "target tokens per second (in brackets: over CTranslate2's of the same precision)"
        )


def _draw_throughput(panel: Any, found: Sequence[Row]) -> None:
    bars = panel.barh(
        [f"{NAMES[row.contender.system]}, {row.contender.precision}" for row in found],
        [row.tokens_per_second for row in found],
        color=[COLOURS[row.contender.system] for row in found],
    )
    panel.bar_label(bars, [_label(row) for row in found], padding=4)
    panel.xaxis.set_major_formatter("{x:,.0f}")
    panel.invert_yaxis()
    panel.margins(x=0.2)


def _label(row: Row) -> str:
    ratio = "" if row.ratio is None else f" ({row.ratio:.2f})"
    return f"{row.tokens_per_second:,.0f}{ratio}"


def draw_latency(streams: Sequence[Stream], path: Path) -> None:
    """Draws one model's milliseconds a sentence, a panel for each beam size."""
    by_beam: dict[int, list[LatencyRow]] = {}
    for row in latency_rows(streams):
        by_beam.setdefault(row.stream.beam_size, []).append(row)
    size, panels = _layout(len(streams), len(by_beam))
    with picture(path, MODELS[streams[0].model], size, panels) as axes:
        for panel, (beam, found) in zip(axes[:, 0], sorted(by_beam.items()), strict=True):
            _draw_milliseconds(panel, found)
            panel.set_title(f"beam {beam}")
        axes[-1, 0].set_xlabel("milliseconds a sentence, one at a time: bar p50, line to p99")


def _draw_milliseconds(panel: Any, found: Sequence[LatencyRow]) -> None:
    names = [_title(row.stream) for row in found]
    panel.barh(names, [row.p50 for row in found], color=[COLOURS[r.stream.system] for r in found])
    for place, row in enumerate(found):
        panel.plot([row.p50, row.p99], [place, place], color="#444444", linewidth=1, marker="|")
        label = f"{_short(row.p50)} / {_short(row.p99)}"
        panel.annotate(
            label, (row.p99, place), (6, 0), textcoords="offset points", verticalalignment="center"
        )
    panel.invert_yaxis()
    panel.margins(x=0.24)
    panel.set_xlim(left=0)


def _short(milliseconds: float) -> str:
    return f"{milliseconds:.1f}" if milliseconds < 100 else f"{milliseconds:,.0f}"


def _title(stream: Stream) -> str:
    threads = "1 thread" if stream.threads == 1 else f"{stream.threads} threads"
    return f"{NAMES[stream.system]}, {stream.precision}, {threads}"
