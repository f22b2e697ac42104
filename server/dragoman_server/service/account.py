"""What a call asked for, for those who count and log; never a text.

Filled in by whoever answers the call. Does not know how it ended: that is outcomes.py's.
"""

from dataclasses import dataclass


@dataclass(slots=True)
class Account:
    """Of one call, or of one text of a stream."""

    model: str = ""
    """Name of the model that it meant; empty where nobody got so far as to find it."""
