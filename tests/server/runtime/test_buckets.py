import pytest

from dragoman_server.runtime.buckets import bucket_of, buckets


@pytest.mark.parametrize(
    ("max_rows", "expected"),
    [
        (1, [1]),
        (3, [1, 2, 3]),
        (16, [1, 2, 4, 8, 16]),
        (64, [1, 2, 4, 8, 16, 24, 32, 48, 64]),
        (100, [1, 2, 4, 8, 16, 24, 32, 48, 64, 96, 100]),
    ],
)
def test_buckets_end_with_all_the_rows(max_rows: int, expected: list[int]) -> None:
    assert buckets(max_rows) == expected


@pytest.mark.parametrize("max_rows", [1, 5, 64, 200])
def test_every_number_of_rows_has_the_smallest_bucket_that_holds_it(max_rows: int) -> None:
    sizes = buckets(max_rows)
    for rows in range(1, max_rows + 1):
        index = bucket_of(sizes, rows)
        assert sizes[index] >= rows
        assert index == 0 or sizes[index - 1] < rows
        assert rows <= 16 or sizes[index] * 2 / 3 <= rows
