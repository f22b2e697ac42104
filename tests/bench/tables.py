"""Tables of text cells, for a terminal and for Markdown. Knows nothing of what they tell."""

import statistics
from collections.abc import Sequence

Line = Sequence[str]


def text_table(headings: Line, lines: Sequence[Line]) -> str:
    """Returns a table for the terminal."""
    every = [headings, *lines]
    widths = [max(map(len, column)) for column in zip(*every, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in every
    )


def markdown_table(headings: Line, lines: Sequence[Line]) -> str:
    """Returns a table for the documentation."""
    every = [headings, ["---"] * len(headings), *lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in every)


def with_range(values: Sequence[float], form: str) -> str:
    """Returns the median and, in brackets, between which values the runs were, in format `form`."""
    middle, lowest, highest = (
        format(value, form) for value in (statistics.median(values), min(values), max(values))
    )
    return f"{middle} ({lowest} to {highest})"
