"""Reads a server's page of metrics, in Prometheus' text format.

Knows the format, as far as samples go. Does not know what any metric means.
"""

import re
import time
import urllib.request
from collections.abc import Iterator
from typing import NamedTuple

TIMEOUT_SECONDS = 2.0

MOST_BYTES = 32 << 20
"""Of a page."""

_SAMPLE = re.compile(r"([A-Za-z_:][\w:]*)(?:\{(.*)\})?[ \t]+(\S+)")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_ESCAPES = {r"\\": "\\", r"\"": '"', r"\n": "\n"}

Labels = frozenset[tuple[str, str]]


class Page(NamedTuple):
    """What a server said at one moment."""

    at: float
    """Of time.monotonic."""
    samples: dict[str, dict[Labels, float]]
    """By name, then by labels."""

    def total(self, name: str, **labels: str) -> float | None:
        """Returns the sum of the samples that have these labels; None where there is none."""
        values = [value for has, value in self.series(name) if has.items() >= labels.items()]
        return sum(values) if values else None

    def series(self, name: str) -> Iterator[tuple[dict[str, str], float]]:
        """Yields the samples of a name, with their labels."""
        for labels, value in self.samples.get(name, {}).items():
            yield dict(labels), value


def fetch(url: str) -> Page:
    """Returns what is at a URL now.

    Raises:
        OSError: It cannot be had.
        ValueError: It is no page of metrics.
    """
    at = time.monotonic()
    # S310: cli.py lets only http and https through.
    with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310
        content: bytes = answer.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise ValueError(f"the page has more than {MOST_BYTES:,} bytes")
    return Page(at, parse(content.decode()))


def parse(text: str) -> dict[str, dict[Labels, float]]:
    """Returns the samples of a page.

    Raises:
        ValueError: A line is none of the format.
    """
    samples: dict[str, dict[Labels, float]] = {}
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        if (match := _SAMPLE.match(line)) is None:
            raise ValueError("not Prometheus' text format")
        name, labels, value = match.groups()
        pairs = ((key, _unescaped(said)) for key, said in _LABEL.findall(labels or ""))
        samples.setdefault(name, {})[frozenset(pairs)] = float(value)
    return samples


def _unescaped(value: str) -> str:
    return re.sub(r"\\.", lambda escape: _ESCAPES.get(escape[0], escape[0]), value)
