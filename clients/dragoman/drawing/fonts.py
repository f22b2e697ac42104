"""Which of the machine's fonts have what is to be written.

Knows matplotlib's list of fonts. Looks into them only where its own font lacks a character.
"""

import unicodedata
from collections.abc import Iterable
from contextlib import suppress
from functools import cache

import matplotlib as mpl
from matplotlib import font_manager

OURS = "DejaVu Sans"
"""Comes with matplotlib."""

GENERIC = "sans-serif"
"""At last: what shows an SVG has fonts of its own."""


def families(texts: Iterable[str]) -> list[str]:
    """Returns the font families to write texts with, each for what those before it lack.

    Characters that no font has are left out of account.
    """
    wanted = {ord(letter) for text in texts for letter in text if _is_drawn(letter)}
    chosen = [OURS]
    missing = wanted - _characters(font_manager.findfont(OURS))
    for font in _others() if missing else ():
        found = missing & _characters(font.fname)
        if found:
            chosen.append(font.name)
            missing -= found
        if not missing:
            break
    return [*chosen, GENERIC]


def _is_drawn(letter: str) -> bool:
    return unicodedata.category(letter)[0] not in "CZ"


def _others() -> list[font_manager.FontEntry]:
    """Plain fonts before bold and slanted ones, sans-serif ones first; always in one order.

    Without matplotlib's own, which have mathematics, and boxes for everything.
    """
    known = font_manager.fontManager
    listed = {font.fname for font in known.ttflist}
    for path in sorted(set(font_manager.findSystemFonts()) - listed):  # newer than its list
        with suppress(OSError, RuntimeError, ValueError):
            known.addfont(path)
    bundled = mpl.get_data_path()
    fonts = [font for font in known.ttflist if not font.fname.startswith(bundled)]
    return sorted(fonts, key=_preference)


def _preference(font: font_manager.FontEntry) -> tuple[bool, bool, bool, str, str]:
    is_plain = font.style == "normal" and str(font.weight) in {"400", "normal", "regular"}
    return (not is_plain, "Sans" not in font.name, "Mono" in font.name, font.name, font.fname)


@cache
def _characters(path: str) -> frozenset[int]:
    """The code points that a font has; none of one that cannot be drawn, such as coloured ones."""
    try:
        font = font_manager.get_font(path)
    except (OSError, RuntimeError, ValueError):
        return frozenset()
    return frozenset(font.get_charmap()) if font.scalable else frozenset()
