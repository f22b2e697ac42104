"""What a check has found. Knows how grave it is and what to do; does not know who reads it."""

from collections.abc import Iterable
from typing import Literal, NamedTuple, get_args

State = Literal["ok", "warning", "problem"]
"""A server with a problem does not start, or fails its callers; with a warning it may."""


class Finding(NamedTuple):
    """One line of the report."""

    check: str
    """What was looked at, in a word or two."""
    state: State
    found: str
    advice: str = ""
    """What to do; empty where nothing need be done."""


def worst(findings: Iterable[Finding]) -> State:
    """Returns the gravest state that there is."""
    order = get_args(State)
    return max((finding.state for finding in findings), key=order.index, default="ok")
