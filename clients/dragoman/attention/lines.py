"""Lines between words: tokens that attend on the left, attended ones on the right.

A line's colour is its head's, its opacity the weight. Knows what is drawn where; how pictures look
and become files is the drawing's.
"""

from collections.abc import Sequence
from typing import Any

from dragoman.attention.layout import INCHES, LETTER_SIZE, label, width
from dragoman.attention.views import Chosen
from dragoman.drawing import INK, MUTED, SERIES, Drawn, draw_lines, drawn, picture

BETWEEN = 2.4
"""Inches between the two columns of tokens."""

MARGIN, HEADING, CAPTION, LEGEND = 0.12, 0.55, 0.36, 0.22
"""Inches: around all, above all, below all, of a line of heads' names."""

LETTERS_INCHES = 0.078
LEAST_WIDTH = 4.4

LEAST = 0.03
"""Of a weight that is drawn: less nobody sees, and there are very many."""

BESIDE, SPREAD = 0.12, 0.6
"""Of a token's line: between the lines of two heads, and of all heads at most."""

HEAD_INCHES, MARK_INCHES = 0.85, 0.15
"""That a head's name takes with its mark, and the mark alone."""


def draw_lines_between(chosen: Chosen, attending: Sequence[int] | None = None) -> Drawn:
    """Draws both columns of tokens and what is between them.

    Args:
        chosen: Whose weights.
        attending: The only tokens whose lines are drawn; None for all.
    """
    view = chosen.view
    queries, keys = list(map(label, view.queries)), list(map(label, view.keys))
    heading = f"{view.title}, {chosen.words}"
    left, right = MARGIN + width(queries) + 0.1, MARGIN + width(keys) + 0.1
    wide = max(left + BETWEEN + right, 2 * MARGIN + LETTERS_INCHES * len(heading), LEAST_WIDTH)
    rows = INCHES * max(len(queries), len(keys))
    in_line = max(1, int((wide - 2 * MARGIN) / HEAD_INCHES))
    legend = LEGEND * -(-len(chosen.heads) // in_line)
    high = HEADING + rows + legend + 2 * CAPTION
    with picture(wide, high, [*queries, *keys]) as figure:
        bottom = (2 * CAPTION + legend) / high
        panel = figure.add_axes((left / wide, bottom, (wide - left - right) / wide, rows / high))
        _write_tokens(panel, queries, keys)
        _draw(panel, chosen, attending)
        _name_heads(figure, chosen.heads, in_line, (wide, high))
        figure.text(MARGIN / wide, 1 - 0.3 / high, heading)
        caption = f"The left attends to the right; lines are {LEAST:.0%} and more."
        figure.text(MARGIN / wide, MARGIN / high, caption, color=MUTED, fontsize=LETTER_SIZE)
        return drawn(figure, f"{heading}. {caption}")


def _write_tokens(panel: Any, queries: list[str], keys: list[str]) -> None:  # noqa: ANN401  matplotlib's
    panel.axis("off")
    panel.set_xlim(0, 1)
    panel.set_ylim(max(len(queries), len(keys)) - 0.5, -0.5)
    middle = {"verticalalignment": "center", "fontsize": LETTER_SIZE, "color": INK}
    for place, token in enumerate(queries):
        panel.text(-0.03, place, token, horizontalalignment="right", **middle)
    for place, token in enumerate(keys):
        panel.text(1.03, place, token, horizontalalignment="left", **middle)


def _draw(panel: Any, chosen: Chosen, attending: Sequence[int] | None) -> None:  # noqa: ANN401
    wanted = range(len(chosen.view.queries)) if attending is None else attending
    ends = []
    colours = []
    for place, head in enumerate(chosen.heads):
        rows = chosen.rows(head)
        beside = (place - (len(chosen.heads) - 1) / 2) * min(BESIDE, SPREAD / len(chosen.heads))
        for query in wanted:
            for key, weight in enumerate(rows[query]):
                if weight >= LEAST:
                    ends.append(((0.0, query + beside), (1.0, key + beside)))
                    colours.append((colour(head), min(weight, 1.0)))
    draw_lines(panel, ends, colours, width=1.5)


def _name_heads(
    figure: Any,  # noqa: ANN401
    heads: Sequence[int],
    in_line: int,
    size: tuple[float, float],
) -> None:
    lines = -(-len(heads) // in_line)
    for number, head in enumerate(heads):
        line, column = divmod(number, in_line)
        across = (MARGIN + column * HEAD_INCHES) / size[0]
        up = (CAPTION + LEGEND * (lines - line - 0.5)) / size[1]
        figure.text(across, up, "━", color=colour(head), fontsize=LETTER_SIZE)
        beside = across + MARK_INCHES / size[0]
        figure.text(beside, up, f"head {head + 1}", color=MUTED, fontsize=LETTER_SIZE)


def colour(head: int) -> str:
    """Returns a head's colour."""
    return SERIES[head % len(SERIES)]
