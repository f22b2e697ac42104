"""How many source tokens may be encoded while sentences are running, by what it costs them.

They wait for the encoder between two of their tokens. Pure: no clock, no I/O. One engine's thread
uses it.
"""

import math

from dragoman_server.estimators import Line, Mean

MEMORY = 64
"""Runs of the encoder, and steps of the decoder."""

STALL_STEPS = 4
"""Running sentences wait no longer for newcomers than for so many tokens of their own. Under a full
load of short sentences one is enough: the encoder takes about as long as the decoder."""


class Pace:
    """Learns what encoding and decoding take."""

    def __init__(self) -> None:
        self._token_seconds = Mean(MEMORY)
        self._step_seconds = Line(MEMORY)

    def observe_encoding(self, tokens: int, seconds: float) -> None:
        """Takes an encoder run in."""
        self._token_seconds.observe(seconds / tokens)

    def observe_decoding(self, rows: int, seconds: float) -> None:
        """Takes a decoding step in."""
        self._step_seconds.observe(rows, seconds)

    def affordable_tokens(self, running_rows: int) -> float:
        """Returns how many source tokens may be encoded at once; inf where nobody would wait."""
        if not running_rows or not self._token_seconds.value:
            return math.inf
        return STALL_STEPS * self._step_seconds.at(running_rows) / self._token_seconds.value
