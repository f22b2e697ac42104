"""What models may take of memory together: bytes for the files and caches of each.

Pure arithmetic. Does not know what is loaded, nor how memory is taken.
"""

from collections.abc import Sequence
from typing import NamedTuple


class MemoryBudget(NamedTuple):
    """A number of bytes for all models."""

    total: int | None
    """None for no limit, as of a server with one model, which sees for itself."""

    def share(self, taken: Sequence[int], models: int) -> int | None:
        """Returns the bytes that the next model may take.

        Args:
            taken: By each model that is loaded.
            models: That are still to be loaded, this one counted: each gets as much.
        """
        if self.total is None:
            return None
        return max(0, self.total - sum(taken)) // max(1, models)


NO_LIMIT = MemoryBudget(None)
