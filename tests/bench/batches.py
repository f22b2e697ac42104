"""Batches of like output length, for systems that end a batch with its longest sentence."""

from collections.abc import Sequence


def batches(lengths: Sequence[int], size: int) -> list[list[int]]:
    """Returns indices of like length together, `size` at once, the longest first.

    The longest first: short batches fill the gaps at the end.
    """
    order = sorted(range(len(lengths)), key=lengths.__getitem__, reverse=True)
    return [order[start : start + size] for start in range(0, len(order), size)]


def token_batches(lengths: Sequence[int], tokens: int) -> list[list[int]]:
    """As batches, as many at once as have room in so many tokens, padding counted; one at least."""
    order = sorted(range(len(lengths)), key=lengths.__getitem__, reverse=True)
    found = []
    while order:
        size = max(1, tokens // lengths[order[0]])
        found.append(order[:size])
        order = order[size:]
    return found


def equalise(lengths: Sequence[int], size: int) -> list[int]:
    """Returns lengths of which `size` neighbours in length are the same: their mean.

    Batches whose size divides `size` then hold one length: no system decodes what nobody asked for.
    """
    equal = list(lengths)
    for batch in batches(lengths, size):
        mean = round(sum(lengths[index] for index in batch) / len(batch))
        for index in batch:
            equal[index] = mean
    return equal
