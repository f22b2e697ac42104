"""Heat maps: a panel for each head, tokens that attend as rows, attended ones as columns.

Knows what is drawn where. How pictures look and become files is the drawing's.
"""

import math
from typing import Any, NamedTuple

from dragoman.attention.layout import INCHES, LETTER_SIZE, label, width
from dragoman.attention.views import Chosen
from dragoman.drawing import BLUE, INK, MUTED, SURFACE, Drawn, blend, draw_lines, drawn, picture

WIDEST = 9.0
"""Inches that several panels beside each other take, but for long texts with many heads."""

GAP, MARGIN, TITLE = 0.18, 0.12, 0.28
HEADING, CAPTION = 0.55, 0.4
"""Inches, as all of these: between panels, around all, above a panel, above and below all."""

LETTERS_INCHES = 0.078
"""Of a letter of the heading, as it must have room."""


class _Grid(NamedTuple):
    """Where panels stand, in inches."""

    columns: int
    lines: int
    panel: tuple[float, float]
    left: float
    """For the rows' tokens, once in a line of panels."""
    top: float
    """For the columns' tokens, above each line of panels."""
    size: tuple[float, float]

    def place(self, number: int) -> tuple[float, float, float, float]:
        """Left, bottom, width and height of a panel, as parts of the picture."""
        line, column = divmod(number, self.columns)
        width, height = self.panel
        across = self.left + column * (width + GAP)
        down = HEADING + line * (height + self.top + GAP) + self.top
        whole_width, whole_height = self.size
        bottom = whole_height - down - height
        return (
            across / whole_width,
            bottom / whole_height,
            width / whole_width,
            height / whole_height,
        )


def draw_heat_maps(chosen: Chosen) -> Drawn:
    """Draws a panel for each of the chosen heads."""
    view = chosen.view
    queries, keys = list(map(label, view.queries)), list(map(label, view.keys))
    heading = f"{view.title}, {chosen.words}"
    grid = _grid(queries, keys, len(chosen.heads), len(heading))
    maps = [chosen.rows(head) for head in chosen.heads]
    most = max((max(row, default=0.0) for rows in maps for row in rows), default=0.0) or 1.0
    with picture(*grid.size, [*queries, *keys]) as figure:
        for number, (head, rows) in enumerate(zip(chosen.heads, maps, strict=True)):
            panel = figure.add_axes(grid.place(number))
            _draw_panel(panel, rows, most)
            place = (0, 1 + (grid.top - TITLE / 2) / grid.panel[1])
            panel.text(*place, f"head {head + 1}", transform=panel.transAxes, color=MUTED)
            _name_columns(panel, keys)
            _name_rows(panel, queries if number % grid.columns == 0 else [])
        margin, height = MARGIN / grid.size[0], grid.size[1]
        figure.text(margin, 1 - 0.3 / height, heading)
        caption = f"Rows attend to columns; blue is {most:.0%} of a row's attention."
        figure.text(margin, MARGIN / height, caption, color=MUTED, fontsize=LETTER_SIZE)
        return drawn(figure, f"{heading}. {caption}")


def _grid(queries: list[str], keys: list[str], heads: int, heading: int) -> _Grid:
    panel = INCHES * len(keys), INCHES * len(queries)
    left = MARGIN + width(queries) + 0.1
    top = TITLE + width(keys) + 0.1
    with_room = int((WIDEST - left + GAP) / (panel[0] + GAP))
    lines = -(-heads // min(heads, max(with_room, math.isqrt(heads))))
    columns = -(-heads // lines)
    panels = left + columns * (panel[0] + GAP) - GAP + MARGIN
    height = HEADING + lines * (panel[1] + top + GAP) + CAPTION
    size = max(panels, 2 * MARGIN + LETTERS_INCHES * heading, 4.4), height
    return _Grid(columns, lines, panel, left, top, size)


def _draw_panel(panel: Any, rows: list[list[float]], most: float) -> None:  # noqa: ANN401  matplotlib's
    colours = blend(SURFACE, BLUE)
    panel.imshow(rows, cmap=colours, vmin=0, vmax=most, aspect="auto", interpolation="nearest")
    panel.grid(visible=False)
    for side in panel.spines.values():
        side.set_visible(True)
        side.set_linewidth(0.6)
    panel.tick_params(length=0, pad=3)
    right, bottom = len(rows[0]) - 0.5, len(rows) - 0.5
    rules = [((place - 0.5, -0.5), (place - 0.5, bottom)) for place in range(1, len(rows[0]))]
    rules += [((-0.5, place - 0.5), (right, place - 0.5)) for place in range(1, len(rows))]
    draw_lines(panel, rules, [(SURFACE, 1.0)] * len(rules), width=0.6)


def _name_columns(panel: Any, keys: list[str]) -> None:  # noqa: ANN401
    panel.xaxis.tick_top()
    panel.set_xticks(range(len(keys)), keys, rotation=90, fontsize=LETTER_SIZE, color=INK)


def _name_rows(panel: Any, queries: list[str]) -> None:  # noqa: ANN401
    panel.set_yticks(range(len(queries)), queries, fontsize=LETTER_SIZE, color=INK)
