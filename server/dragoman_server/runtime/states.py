"""What a recurrent decoder keeps of its targets in host memory: one vector a row and layer.

Knows rows and layers; knows nothing of positions, sequences or search.
"""

import numpy as np
from numpy.typing import NDArray

from dragoman_server.search import Move, RowCopies


class States:
    """Vectors of all rows, allocated once: (layers, rows, width) float32.

    It takes the place of keys and values of targets, and always has room for the next token. What
    a row holds before its first does not matter.
    """

    def __init__(self, *, layers: int, rows: int, width: int, capacity: int) -> None:
        """`capacity` is as many positions as a target may have."""
        self.memory = np.zeros((layers, rows, width), np.float32)
        self.capacity = capacity

    def reserve(self, positions: int, rows: int) -> bool:
        """Returns whether anything is laid out anew: it never is."""
        del positions, rows
        return False

    trim = reserve

    def tensors(self, rows: int) -> dict[str, NDArray[np.float32]]:
        """Returns the first rows under the decoder graph's input names, as views."""
        return {f"self_state_{layer}": each[:rows] for layer, each in enumerate(self.memory)}

    def copy(self, copies: RowCopies) -> None:
        """Lets rows take over what others have heard, whatever tokens of it are named."""
        sources, targets = copied_rows(copies)
        self.memory[:, targets] = self.memory[:, sources]

    def move(self, moves: list[Move]) -> None:
        """Copies rows, one after the other."""
        for move in moves:
            self.memory[:, move.target] = self.memory[:, move.source]


def copied_rows(copies: RowCopies) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Returns the rows that tokens are copied between, each target once: sources, targets."""
    targets, index = np.unique(copies.targets, return_index=True)
    return copies.sources[index], targets
