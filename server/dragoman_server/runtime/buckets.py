"""The numbers of rows that a step is recorded for on a device.

Knows numbers. Does not know what is recorded.
"""

from bisect import bisect_left

SMALL_BUCKETS = (1, 2, 4, 8, 16)


def buckets(max_rows: int) -> list[int]:
    """Returns the numbers of rows that a recorded step exists for.

    They are 1, 2, 4, 8, 16, 24, 32, 48, 64, 96, ... up to `max_rows`, the last one. From 16 rows on
    at most a third of a bucket's rows are padding.
    """
    sizes = list(SMALL_BUCKETS)
    while sizes[-1] < max_rows:
        sizes += [sizes[-1] * 3 // 2, sizes[-1] * 2]
    return [*sizes[: bisect_left(sizes, max_rows)], max_rows]


def bucket_of(sizes: list[int], rows: int) -> int:
    """Returns the index of the smallest of `sizes` that holds `rows`."""
    return bisect_left(sizes, rows)
