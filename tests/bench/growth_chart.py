"""Lines of a decoding step's time over each quantity."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from tests.bench.drawing import COLOURS, picture
from tests.bench.growth_report import Curve, SweepName

TITLES: dict[SweepName, str] = {
    "rows": "Decoding step over rows: marian-en-de, 16 source tokens, greedy",
    "source": "Decoding step over source length: marian-en-de, 32 rows, greedy",
    "vocabulary": "Decoding step over vocabulary: random 1+1 layers, d=512, 32 rows, greedy",
    "beam": "Decoding step over beam size: marian-en-de, 16 sentences",
}
UNITS: dict[SweepName, str] = {
    "rows": "rows",
    "source": "source tokens of each row",
    "vocabulary": "tokens in the vocabulary",
    "beam": "beam size, with 16 times as many rows",
}
LINES: dict[str, tuple[str, dict[str, Any]]] = {
    "dragoman": ("Dragoman's engine", {"color": COLOURS["dragoman"], "marker": "o"}),
    "dragoman graph": (
        "its decoder graph alone",
        {"color": COLOURS["dragoman"], "linestyle": ":", "linewidth": 1.5},
    ),
    "ctranslate2": ("CTranslate2", {"color": COLOURS["ctranslate2"], "marker": "s"}),
}


def draw_growth(sweep: SweepName, curves: Sequence[Curve], path: Path) -> None:
    """Draws one sweep, a panel for each precision, all on the same scale."""
    precisions = list(dict.fromkeys(curve.precision for curve in curves))
    highest = max(max(curve.milliseconds) for curve in curves)
    lowest = min(min(curve.milliseconds) for curve in curves)
    with picture(path, TITLES[sweep], (8, 3.9), (1, len(precisions))) as axes:
        for panel, precision in zip(axes[0], precisions, strict=True):
            found = [curve for curve in curves if curve.precision == precision]
            _draw_panel(panel, found)
            panel.set_title(f"{precision}, one thread")
            panel.set_xlabel(UNITS[sweep])
            panel.set_ylim(lowest / 1.3, highest * 1.3)
        axes[0, 0].set_ylabel("milliseconds a step")
        lines = axes[0, 0].get_lines()
        axes[0, 0].figure.legend(handles=lines, loc="outside lower center", ncols=3, frameon=False)


def _draw_panel(panel: Any, curves: Sequence[Curve]) -> None:
    for curve in curves:
        name, style = LINES[curve.system]
        panel.plot(curve.places, curve.milliseconds, label=name, markersize=4, **style)
    panel.set_xscale("log", base=2)
    panel.set_yscale("log", base=2)
    panel.set_xticks(curves[0].places, [_place(place) for place in curves[0].places])
    panel.yaxis.set_major_locator(LogLocator(base=2, numticks=20))
    panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    panel.xaxis.set_minor_locator(NullLocator())
    panel.yaxis.set_minor_locator(NullLocator())
    panel.grid(color="#dddddd", linewidth=0.6)
    panel.set_axisbelow(True)


def _place(place: int) -> str:
    return f"{place // 1000}k" if place >= 1000 and place % 1000 == 0 else str(place)
