"""Panels one above the other, as SVG that can be put into a page.

Knows matplotlib, nothing of what is drawn. Colours are the page's custom properties of the same
names, with those of `COLOURS` where there are none. The same drawing gives the same text.
"""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from dragoman.drawing.style import COLOURS, MUTED, NO_METADATA, STYLE, SURFACE

WIDTH_INCHES = 6.2
"""Half of a wide page, or all of a telephone's: text stays readable in both."""


class Canvas:
    """Panels one above the other, that share what is along them; their SVG once they are drawn."""

    def __init__(self, height_inches: float, panels: int) -> None:
        """Makes empty panels.

        Args:
            height_inches: Of all of them.
            panels: How many.
        """
        self._figure = Figure(figsize=(WIDTH_INCHES, height_inches), layout="constrained")
        axes = self._figure.subplots(panels, squeeze=False, sharex=True)
        self.panels: list[Any] = list(axes[:, 0])
        """Of matplotlib, from the top."""
        for panel in self.panels:
            panel.xaxis.set_major_formatter("{x:,g}")
            panel.yaxis.set_major_formatter("{x:,g}")

    def svg(self, name: str, words: str) -> str:
        """Returns the picture.

        Args:
            name: Begins all ids, so that a page can hold several pictures.
            words: What it shows, for those who cannot see it.
        """
        file = io.StringIO()
        self._figure.savefig(file, format="svg", metadata=NO_METADATA)
        return _for_a_page(file.getvalue(), name, words)


@contextmanager
def canvas(height_inches: float, panels: int = 1) -> Iterator[Canvas]:
    """Yields empty panels; what is drawn on them inside the block has the report's style."""
    with mpl.rc_context(STYLE):
        yield Canvas(height_inches, panels)


def legend(panel: Any, columns: int) -> None:  # noqa: ANN401  matplotlib's types are not at hand
    """Puts the names of what is drawn on the right of the panel's title."""
    place = {"loc": "lower right", "bbox_to_anchor": (1, 1.05)}
    panel.legend(**place, ncols=columns, labelcolor=MUTED)


def note(panel: Any, words: str, place: tuple[float, float], **how: Any) -> None:  # noqa: ANN401
    """Writes words beside a place of the drawing; lines under them are covered."""
    cover = {"facecolor": SURFACE, "linewidth": 0, "pad": 1.2}
    panel.annotate(words, place, textcoords="offset points", bbox=cover, **how)


def _for_a_page(file: str, name: str, words: str) -> str:
    root = f'<svg role="img" aria-label="{escape(words)}" style="stroke-linejoin: round" '
    svg = file[file.index("<svg ") :].replace("<svg ", root, 1)
    svg = re.sub(r"<style.*?</style>", "", svg)  # it would hold for all of the page
    svg = re.sub(r"font-family: [^;\"]*;? ?", "", svg)
    svg = re.sub(r'( id="|href="#|url\(#)', rf"\g<1>{name}-", svg)
    for colour, value in COLOURS.items():
        svg = svg.replace(value, f"var(--{colour}, {value})")
    return svg
