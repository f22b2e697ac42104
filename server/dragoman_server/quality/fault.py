"""What may be wrong with a translation, and how bad that is."""

from typing import Literal, NamedTuple, get_args

Reason = Literal[
    "REPETITION",
    "LENGTH_RATIO",
    "SOURCE_NOT_COVERED",
    "WRONG_SCRIPT",
    "WRONG_LANGUAGE",
    "SOURCE_ECHOED",
]

REASONS: tuple[Reason, ...] = get_args(Reason)

SEVERITY: dict[Reason, int] = {
    "REPETITION": 3,
    "WRONG_SCRIPT": 3,
    "WRONG_LANGUAGE": 3,
    "SOURCE_ECHOED": 3,
    "LENGTH_RATIO": 2,
    "SOURCE_NOT_COVERED": 1,
}
"""What is invented is worse than what is lost; of what is lost the more the worse."""


class Fault(NamedTuple):
    """What is wrong with a translation."""

    reason: Reason
    message: str
    """For people, without a capital or a full stop."""

    @property
    def severity(self) -> int:
        """How bad it is: the translation with the smaller sum is the better one."""
        return SEVERITY[self.reason]
