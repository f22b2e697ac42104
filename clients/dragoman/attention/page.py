"""A page to look around in: one HTML file that needs nothing beside itself.

Knows what data the page is given; how it looks and what it does is the template's. Tokens are data
for its script, which writes them as text: nothing of them is ever read as HTML.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from typing import Any

from dragoman.attention.views import View, shown
from dragoman.drawing import SERIES

TEMPLATE = "page.html"
TITLE, DATA = "{{ title }}", "{{ data }}"

WHOLE = 1000
"""A weight of one; weights are written in thousandths."""


@dataclass(frozen=True)
class Translated:
    """What the attention is of."""

    text: str
    translated_text: str
    model: str


def render_page(translated: Translated, views: Sequence[View]) -> str:
    """Returns the page.

    Args:
        translated: Shown above everything.
        views: At least one; the first is shown first.
    """
    data = {
        "text": translated.text,
        "translatedText": translated.translated_text,
        "model": translated.model,
        "colours": SERIES,
        "views": [_data(view) for view in views],
    }
    template = (files("dragoman.attention") / TEMPLATE).read_text("utf-8")
    before, _, after = template.partition(DATA)
    before = before.replace(TITLE, escape(f"Attention: {translated.text}"))
    return f"{before}{_for_a_script(data)}{after}"


def _data(view: View) -> dict[str, Any]:
    return {
        "kind": view.kind,
        "title": view.title,
        "queries": list(map(shown, view.queries)),
        "keys": list(map(shown, view.keys)),
        "layers": view.layers,
        "heads": view.heads,
        "weights": [round(WHOLE * weight) for weight in view.weights.values],
    }


def _for_a_script(data: dict[str, Any]) -> str:
    """Returns JSON without a character that could end the element that it is in."""
    text = json.dumps(data, separators=(",", ":"))  # ASCII alone
    for letter in "<>&":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return text
