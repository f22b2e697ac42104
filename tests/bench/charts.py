"""Bar charts and a table for the documentation from what tests.bench.offline wrote.

python -m tests.bench.charts build/bench/offline.json --images docs/images
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl

from tests.bench.report import Report, Row, markdown_table, rows

mpl.use("svg")
mpl.rcParams["svg.hashsalt"] = "dragoman"  # the same figures give the same file
mpl.rcParams["svg.fonttype"] = "none"

from matplotlib import pyplot as plt  # noqa: E402 after the backend is chosen

COLOURS = {"dragoman": "#1b6ca8", "ctranslate2": "#d98e04", "transformers": "#8a8a8a"}
TITLES = {
    "shipped": "marian-en-de (4+2 layers, d=256)",
    "base": "transformer-base (6+6 layers, d=512), random weights, forced lengths",
}


def draw(model: str, beam_size: int, found: Sequence[Row], path: Path) -> None:
    """Draws tokens per second as bars, one for each precision and system."""
    figure, axes = plt.subplots(figsize=(7.5, 0.45 * len(found) + 1.1), layout="constrained")
    names = [f"{row.contender.system}, {row.contender.precision}" for row in found]
    bars = axes.barh(
        names,
        [row.tokens_per_second for row in found],
        color=[COLOURS[row.contender.system] for row in found],
    )
    axes.bar_label(bars, [_label(row) for row in found], padding=4)
    axes.invert_yaxis()
    axes.margins(x=0.18)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlabel("target tokens per second")
    axes.set_title(f"{TITLES[model]}; beam {beam_size}", loc="left", fontsize=10)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def _label(row: Row) -> str:
    ratio = "" if row.ratio is None else f" ({row.ratio:.2f}x)"
    return f"{row.tokens_per_second:,.0f}{ratio}"


def main() -> None:
    """Writes an SVG for each model and beam size; prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("report", type=Path, help="what --json of tests.bench.offline wrote")
    parser.add_argument("--images", type=Path, required=True, help="directory of the charts")
    arguments = parser.parse_args()
    report = Report.read(arguments.report)
    arguments.images.mkdir(parents=True, exist_ok=True)
    groups: dict[tuple[str, int], list[Row]] = {}
    for row in rows(report.contenders):
        groups.setdefault((row.contender.model, row.contender.beam_size), []).append(row)
    for (model, beam_size), found in groups.items():
        path = arguments.images / f"offline-{model}-beam{beam_size}.svg"
        draw(model, beam_size, found, path)
    print(f"{report.machine}; {report.corpus}\n\n{markdown_table(report.contenders)}")


if __name__ == "__main__":
    main()
