"""What a system gets to translate. Needs no library: it is read in every system's environment."""

from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True)
class Workload:
    """Sentences as token ids."""

    sources: list[list[int]]
    """Token ids, each ending with the end token."""
    forced_lengths: list[int] | None
    """Tokens to decode for each, the end token counted; None lets the model decide."""

    def sample(self, count: int) -> Self:
        """Returns `count` sentences from all over it, or all where it has no more."""
        picked = spread(len(self.sources), count)
        lengths = self.forced_lengths
        return type(self)(
            [self.sources[index] for index in picked],
            lengths and [lengths[index] for index in picked],
        )


def spread(size: int, count: int) -> list[int]:
    """Returns `count` indices below `size` at equal distances, or all of them."""
    count = min(size, count)
    return [index * size // count for index in range(count)]
