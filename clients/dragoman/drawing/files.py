"""Pictures that are files of their own: PNG and SVG, on a ground that is light everywhere.

Knows matplotlib, nothing of what is drawn.
"""

import io
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from html import escape
from typing import Any, NamedTuple

import matplotlib as mpl
from matplotlib.collections import LineCollection
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from dragoman.drawing.fonts import families
from dragoman.drawing.style import NO_METADATA, STYLE, SURFACE

PIXELS = 1280
"""Width of a PNG, unless letters would be too small."""

LEAST_DPI = 72
"""At which letters of nine points are as many pixels high."""

MOST_PIXELS = 30_000
"""In either direction: more no viewer is sure to show."""

DECLARATION = '<?xml version="1.0" encoding="utf-8"?>\n'


class Drawn(NamedTuple):
    """A picture in both forms."""

    png: bytes
    svg: str


@contextmanager
def picture(width: float, height: float, texts: Iterable[str] = ()) -> Iterator[Figure]:
    """Yields an empty figure. What is drawn, and made a file inside the block, has our style.

    Args:
        width: In inches. Letters have a tenth of an inch and a third: the less width, the larger
            they are in a PNG.
        height: Likewise.
        texts: What will be written that is not English: fonts that have it are looked for. What
            none has is a box in a PNG; in an SVG whoever shows it chooses the fonts.
    """
    ground = {"figure.facecolor": SURFACE, "text.parse_math": False}
    style = {**STYLE, **ground, "font.family": families(texts)}
    with mpl.rc_context(style), warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"Glyph \d+", UserWarning)
        yield Figure(figsize=(width, height))


def drawn(figure: Figure, words: str) -> Drawn:
    """Returns what becomes of a figure.

    Args:
        figure: What to show.
        words: What it shows, for those who cannot see it.
    """
    return Drawn(_png(figure), _svg(figure, words))


def blend(first: str, last: str) -> LinearSegmentedColormap:
    """Returns the colours from one to another."""
    return LinearSegmentedColormap.from_list(f"{first} to {last}", [first, last])


def draw_lines(
    panel: Any,  # noqa: ANN401  matplotlib's types are not at hand
    ends: Sequence[tuple[tuple[float, float], tuple[float, float]]],
    colours: Sequence[tuple[str, float]],
    *,
    width: float,
) -> None:
    """Draws many straight lines at once, each with its colour and how opaque it is."""
    lines = LineCollection(ends, linewidths=width, colors=list(colours))
    panel.add_collection(lines, autolim=False)


def _png(figure: Figure) -> bytes:
    file = io.BytesIO()
    width, height = figure.get_size_inches()
    dpi = min(max(PIXELS / width, LEAST_DPI), MOST_PIXELS / max(width, height))
    figure.savefig(file, format="png", dpi=dpi, metadata={"Software": None})
    return file.getvalue()


def _svg(figure: Figure, words: str) -> str:
    """Text stays text."""
    file = io.StringIO()
    figure.savefig(file, format="svg", metadata=NO_METADATA)
    root = f'<svg role="img" aria-label="{escape(words)}" '
    text = file.getvalue()
    return f"{DECLARATION}{text[text.index('<svg ') :].replace('<svg ', root, 1)}"
