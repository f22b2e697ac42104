"""How pictures look, and what they become: SVG inside a page, or files of their own.

The door to matplotlib. Knows colours, sizes and fonts; nothing of what is drawn.
"""

from dragoman.drawing.files import Drawn, blend, draw_lines, drawn, picture
from dragoman.drawing.panels import Canvas, canvas, legend, note
from dragoman.drawing.style import (
    BLUE,
    COLOURS,
    GREY,
    INK,
    MUTED,
    NO_METADATA,
    ON_COLOUR,
    ORANGE,
    RED,
    RULE,
    SERIES,
    SURFACE,
    TEAL,
)

__all__ = [
    "BLUE",
    "COLOURS",
    "GREY",
    "INK",
    "MUTED",
    "NO_METADATA",
    "ON_COLOUR",
    "ORANGE",
    "RED",
    "RULE",
    "SERIES",
    "SURFACE",
    "TEAL",
    "Canvas",
    "Drawn",
    "blend",
    "canvas",
    "draw_lines",
    "drawn",
    "legend",
    "note",
    "picture",
]
