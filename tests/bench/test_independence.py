"""How sizes are told at which a row has other bits."""

from tests.bench.independence import told


def test_sizes_in_a_row_are_told_by_their_ends() -> None:
    assert told(range(1, 65), [1, 2, 3, 7]) == "1 to 3, 7"
    assert told(range(1, 65), []) == "none"


def test_what_fits_no_vector_is_told_by_the_vectors_length() -> None:
    sizes = range(12, 65)
    uneven = [size for size in sizes if size % 4]
    assert told(sizes, uneven) == "all but multiples of 4"
    assert told(sizes, [12, *uneven]) == "all but multiples of 4, 12"
