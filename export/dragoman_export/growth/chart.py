"""The picture of a measurement.

Knows what was found. How pictures look and become files is the drawing's.
"""

import textwrap
from collections.abc import Sequence
from typing import Any

from dragoman.drawing import (
    BLUE,
    GREY,
    INK,
    MUTED,
    ORANGE,
    RULE,
    SERIES,
    TEAL,
    Drawn,
    drawn,
    picture,
)
from dragoman_export.growth.report import RECURRENT, Growth

WIDTH = 5.0
"""Inches: narrow, so that letters are large enough on a telephone. All lengths are inches."""

TITLE, CURVES, AXIS, LEGEND, LINE, MARGIN = 0.54, 2.94, 0.51, 0.98, 0.17, 0.12
"""Heights, from above: of the title, of what is drawn, of the names of its axis, of the names of
its lines, of a line of the caption, and below that."""

CAPTION_LETTERS = 62
"""In a line."""

MOST_TICKS = 9

PURPLE = SERIES[4]

DOTTED = (0, (1, 2))
DASHED = (0, (4, 2))

Panel = Any
"""Of matplotlib, whose types are not at hand."""


def draw(growth: Growth) -> Drawn:
    """Draws time over length: of the encoder, its parts, what is fitted, the recurrent one."""
    words = textwrap.wrap(growth.sentence(), CAPTION_LETTERS)
    under = LEGEND + len(words) * LINE
    height = TITLE + CURVES + AXIS + under + MARGIN
    with picture(WIDTH, height, [growth.bundle.name]) as figure:
        panel = figure.add_axes((0.13, (MARGIN + under + AXIS) / height, 0.84, CURVES / height))
        below = figure.add_axes((0.03, MARGIN / height, 0.94, under / height))
        _draw_measured(panel, growth)
        _draw_fitted(panel, growth)
        _scale(panel, growth.lengths)
        bundle = growth.bundle
        sizes = f"{bundle.layers} layers, d={bundle.model_dim}, {bundle.precision}"
        threads = "1 thread" if growth.threads == 1 else f"{growth.threads} threads"
        panel.set_title(f"Encoding one sentence: {bundle.name}\n{sizes}, {threads}")
        panel.set_xlabel("source tokens")
        panel.set_ylabel("milliseconds")
        _write_below(below, panel, words)
        return drawn(figure, growth.sentence())


def _draw_measured(panel: Panel, growth: Growth) -> None:
    lines = (
        (f"{RECURRENT}, float32", [point.recurrent for point in growth.points], GREY, "s", DASHED),
        ("encoder", [point.encoder for point in growth.points], BLUE, "o", "-"),
        ("linear layers and the rest", [point.rest for point in growth.points], TEAL, "v", "-"),
        ("attention", [point.attention for point in growth.points], ORANGE, "^", "-"),
        ("a decoding step", [point.step for point in growth.points], PURPLE, "D", "-"),
    )
    for name, seconds, colour, marker, style in lines:
        how = {"color": colour, "marker": marker, "markersize": 4, "linestyle": style}
        panel.plot(growth.lengths, [1e3 * each for each in seconds], label=name, **how)


def _draw_fitted(panel: Panel, growth: Growth) -> None:
    """Draws both parts of the fit, where they are to be seen on the scale of what is measured."""
    lowest = 1e3 * min(min(point.attention, point.step) for point in growth.points) / 1.5
    whole, lengths = growth.whole, growth.lengths
    parts = (
        ("fitted to all: a + b·n", TEAL, [whole.constant + whole.linear * n for n in lengths]),
        ("fitted to all: c·n²", ORANGE, [whole.quadratic * n**2 for n in lengths]),
    )
    for name, colour, seconds in parts:
        seen = [(n, 1e3 * each) for n, each in zip(lengths, seconds, strict=True)]
        seen = [(n, each) for n, each in seen if each >= lowest]
        if len(seen) > 1:
            how = {"color": colour, "linestyle": DOTTED, "linewidth": 1.8}
            panel.plot(*zip(*seen, strict=True), label=name, **how)


def _scale(panel: Panel, lengths: Sequence[int]) -> None:
    panel.set_xscale("log", base=2)
    panel.set_yscale("log")
    ticks = lengths
    while len(ticks) > MOST_TICKS:
        ticks = [*ticks[-1::-2]][::-1]
    panel.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    panel.minorticks_off()
    panel.yaxis.set_major_formatter("{x:,g}")
    panel.grid(visible=True, axis="both", color=RULE, linewidth=0.6)


def _write_below(below: Panel, panel: Panel, words: Sequence[str]) -> None:
    """The names of the lines, and what to see."""
    below.axis("off")
    handles, names = panel.get_legend_handles_labels()
    below.legend(handles, names, loc="upper left", ncols=2, labelcolor=MUTED, mode="expand")
    how = {"transform": below.transAxes, "color": INK, "verticalalignment": "bottom"}
    below.text(0, 0, "\n".join(words), **how)
