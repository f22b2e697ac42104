"""Batches of equal output length, for systems that end a batch with its longest sentence."""

from collections.abc import Sequence


def batches(lengths: Sequence[int], size: int) -> list[list[int]]:
    """Returns indices of like length together, `size` at once, the longest first.

    The longest first: short batches fill the gaps at the end.
    """
    order = sorted(range(len(lengths)), key=lengths.__getitem__, reverse=True)
    return [order[start : start + size] for start in range(0, len(order), size)]
