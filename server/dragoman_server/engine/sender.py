"""Whose a request is, and how urgent. Knows neither connections nor keys."""

from enum import Enum
from typing import NamedTuple


class Priority(Enum):
    """Which texts are served first."""

    INTERACTIVE = "interactive"
    """Somebody waits for it."""
    BULK = "bulk"
    """Served behind what is interactive, but never without a share."""


class Sender(NamedTuple):
    """Whose a request is."""

    caller: str = ""
    """Their key's name, or the connection that it came over."""
    texts_before: int = 0
    """Texts of the same stream that are not answered yet: as if all were one request's."""
    priority: Priority = Priority.INTERACTIVE
    weight: float = 1.0
    """The caller's: of two who always have texts waiting, one of twice the weight has twice the
    work done. Above 0."""
    comes_with_others: bool = False
    """Whether requests for the same texts come in the same turn of the event loop: an engine that
    waits for work begins with all of them, and encodes what they share once."""


ANYBODY = Sender()
