"""Who calls, and what that caller may do.

Knows names of methods and of models. Does not know how a caller proves who it is.
"""

from dataclasses import dataclass
from typing import NamedTuple

ALL = "*"
"""In place of names: every one."""

ADMINISTRATION = "AdminService"
"""In place of a method's name: all that changes what a server serves. ALL does not grant it."""

FILES = "BatchTranslateText"
"""In place of a method's name: what reads and writes files of the server. ALL does not grant it."""

_BY_NAME = frozenset({ADMINISTRATION, FILES})


class Limits(NamedTuple):
    """How much a caller may ask for; None is no limit."""

    texts_per_second: float | None = None
    code_points_per_second: float | None = None
    burst_seconds: float = 10.0
    """What it may ask for at once after a rest, in seconds of the rates."""


UNLIMITED = Limits()


@dataclass(frozen=True, slots=True)
class Principal:
    """A caller that has proved who it is."""

    name: str
    """Of all its keys alike; no other caller has it."""
    methods: frozenset[str] = frozenset()
    """Without their service's name; may hold ALL."""
    models: frozenset[str] = frozenset()
    """Likewise."""
    limits: Limits = UNLIMITED
    weight: float = 1.0
    """Its share of the engines where others wait, beside theirs."""

    def may_call(self, method: str) -> bool:
        """Whether it may call a method."""
        return method in self.methods or (ALL in self.methods and method not in _BY_NAME)

    def may_use(self, model: str) -> bool:
        """Whether it may use, or even know of, a model."""
        return ALL in self.models or model in self.models
