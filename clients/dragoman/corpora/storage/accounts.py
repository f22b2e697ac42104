"""What became of each line: counts, the lines that are not as they should be, and warnings.

Knows numbers of lines and reasons. Does not know texts or files.
"""

import dataclasses
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Self

Outcome = Literal["translated", "empty", "cut", "failed"]
"""What becomes of a line; see Tally."""


class Problem(NamedTuple):
    """A line that is not as it should be."""

    line: int
    """Its number in the file, from 1."""

    outcome: Outcome
    """Cut or failed."""

    reason: str
    """Why."""


class Warned(NamedTuple):
    """What to know of a line's translation, though there is one."""

    line: int
    """Its number in the file, from 1."""

    reason: str
    """As in a translation's warnings."""

    message: str
    """The same in words."""


@dataclass(frozen=True, slots=True)
class Tally:
    """Lines, each counted once more in one of the four fields that follow."""

    lines: int = 0
    """Lines read."""

    translated: int = 0
    """Their translation is complete."""

    empty: int = 0
    """There is nothing in them to translate."""

    cut: int = 0
    """Their translation reached the maximum decoding length and lacks its end."""

    failed: int = 0
    """They have no translation."""

    warnings: Mapping[str, int] = field(default_factory=dict)
    """Lines with a warning, by its reason; some have several."""

    @property
    def adds_up(self) -> bool:
        """Whether each line has one outcome."""
        return self.lines == self.translated + self.empty + self.cut + self.failed

    def plus(self, other: "Tally") -> "Tally":
        """Returns both together."""
        return Tally(
            self.lines + other.lines,
            self.translated + other.translated,
            self.empty + other.empty,
            self.cut + other.cut,
            self.failed + other.failed,
            dict(Counter(self.warnings) + Counter(other.warnings)),
        )


@dataclass(frozen=True, slots=True)
class Account:
    """What became of a shard."""

    job: str
    """Digest of the job that it belongs to."""

    shard: int
    """Its number."""

    tally: Tally
    problems: tuple[Problem, ...]

    output_sha256: str
    """Of its translated lines."""

    worker: str
    """Host and process that translated it."""

    seconds: float
    """That it took."""

    warnings: tuple[Warned, ...] = ()

    def to_json(self) -> bytes:
        """Returns it as one line."""
        return json.dumps(dataclasses.asdict(self), ensure_ascii=False).encode() + b"\n"

    @classmethod
    def from_json(cls, content: bytes) -> Self:
        """Reads what `to_json` wrote.

        Raises:
            ValueError, TypeError, KeyError: It is none.
        """
        fields: dict[str, Any] = json.loads(content)
        tally = Tally(**fields.pop("tally"))
        problems = tuple(Problem(*problem) for problem in fields.pop("problems"))
        warnings = tuple(Warned(*warned) for warned in fields.pop("warnings"))
        return cls(tally=tally, problems=problems, warnings=warnings, **fields)
