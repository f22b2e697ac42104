"""What models may take of memory together: bytes for the files and caches of each.

Does not know what is loaded, nor how memory is taken.
"""

from collections.abc import Sequence
from typing import NamedTuple, Self

from dragoman_server.config import Config
from dragoman_server.machine import memory_bytes


class MemoryBudget(NamedTuple):
    """A number of bytes for all models."""

    total: int | None
    """None for no limit, as of a server with one model, which sees for itself."""

    @classmethod
    def of(cls, config: Config, models: int) -> Self:
        """Returns that of a server which begins with so many models.

        No limit where it is one, and no other one can come.
        """
        if config.models is None and models == 1:
            return cls(None)
        return cls(config.models_memory or memory_bytes())

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
