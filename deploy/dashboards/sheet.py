"""The sheet that the dashboard is drawn on: cards and words, placed in inches from the top left.

Knows matplotlib. Does not know what is drawn.
"""

import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from dragoman.drawing import INK, MUTED, NO_METADATA, RULE

Axes = Any
"""Of matplotlib, whose types are not at hand."""

LETTER_INCHES, WIDE_INCHES, MARK_INCHES = 0.048, 0.056, 0.21
"""Of a legend: a small letter, a capital, and the line before a name."""

CARD, PAGE = "#ffffff", "#f3f5f7"

STYLE = {
    "axes.edgecolor": RULE,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.left": False,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "font.size": 7,
    "grid.color": RULE,
    "grid.linewidth": 0.5,
    "lines.linewidth": 1.1,
    "svg.fonttype": "none",
    "svg.hashsalt": "dragoman",
    "text.color": INK,
    "xtick.color": RULE,
    "xtick.labelcolor": MUTED,
    "xtick.major.size": 0,
    "ytick.labelcolor": MUTED,
    "ytick.major.size": 0,
}


class Sheet:
    """A figure without anything on it.

    Args:
        width: In inches.
        height: In inches.
    """

    def __init__(self, width: float, height: float) -> None:
        self._width = width
        self._height = height
        self._figure = Figure(figsize=(width, height), facecolor=PAGE)

    def write(self, left: float, base: float, words: str, **how: Any) -> None:  # noqa: ANN401
        """Writes words on a line, in matplotlib's ways."""
        self._figure.text(left / self._width, 1 - base / self._height, words, **how)

    def card(self, left: float, top: float, width: float, height: float) -> None:
        """Draws what a panel lies on."""
        x, y, wide, high = self._share(left, top, width, height)
        card = Rectangle(
            (x, y), wide, high, facecolor=CARD, edgecolor=RULE, linewidth=0.7, zorder=-1
        )
        self._figure.add_artist(card)

    def axes(self, left: float, top: float, width: float, height: float) -> Axes:
        """Returns axes to draw on."""
        return self._figure.add_axes(self._share(left, top, width, height), facecolor="none")

    def svg(self) -> str:
        """Returns all of it as the text of a file."""
        file = io.StringIO()
        self._figure.savefig(file, format="svg", metadata=NO_METADATA)
        return _rounded(file.getvalue())

    def _share(
        self, left: float, top: float, width: float, height: float
    ) -> tuple[float, float, float, float]:
        """Inches as shares of the figure, from the bottom as matplotlib counts."""
        bottom = self._height - top - height
        return (
            left / self._width,
            bottom / self._height,
            width / self._width,
            height / self._height,
        )


@contextmanager
def sheet(width: float, height: float) -> Iterator[Sheet]:
    """Yields an empty sheet; what is drawn on it inside the block has its style."""
    with mpl.rc_context(STYLE):
        yield Sheet(width, height)


def legend(axes: Axes) -> None:
    """Puts the names of the lines under the axes."""
    names = [str(line.get_label()) for line in axes.get_lines() if line.get_label()[0] != "_"]
    width = axes.get_figure().get_figwidth() * axes.get_position().width
    axes.legend(
        ncols=_columns(names, width),
        loc="upper left",
        bbox_to_anchor=(-0.02, -0.12),
        frameon=False,
        fontsize=6.5,
        labelcolor=MUTED,
        handlelength=0.9,
        handletextpad=0.4,
        columnspacing=1.0,
        labelspacing=0.25,
        borderpad=0,
    )


def _columns(names: Sequence[str], inches: float) -> int:
    """How many columns fit into the width, filled one after the other and evenly."""
    for columns in range(len(names), 1, -1):
        parts = np.array_split([_width(name) for name in names], columns)
        if sum(part.max() for part in parts) <= inches:
            return columns
    return 1


def _width(name: str) -> float:
    """Of a line's name and its mark, in inches; a guess, as an SVG's reader chooses the font."""
    wide = sum(letter.isupper() for letter in name)
    return MARK_INCHES + WIDE_INCHES * wide + LETTER_INCHES * (len(name) - wide)


def _rounded(svg: str) -> str:
    """Cuts coordinates to tenths of a point: less is not seen, and most of the file."""
    return re.sub(
        r' d="[^"]*"', lambda path: re.sub(r"(\.\d)\d+", r"\1", path[0]).replace(" \n", " "), svg
    )
