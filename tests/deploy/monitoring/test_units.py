"""How values are written on the picture's axes."""

import pytest

from deploy.dashboards.units import written


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [
        (0, "s", "0 s"),
        (0.0002, "s", "200 µs"),
        (0.25, "s", "250 ms"),
        (1.5, "s", "1.5 s"),
        (512, "bytes", "512 B"),
        (3 * 2**28, "bytes", "768 MiB"),
        (2**31, "bytes", "2 GiB"),
        (0.97, "percentunit", "97 %"),
        (-20.451, "percentunit", "-2,045 %"),
        (1500, "reqps", "1.5 k req/s"),
        (80, "ops", "80 ops/s"),
        (2, "none", "2"),
        (1500, "short", "1.5 k"),
        (12000, "suffix:tokens/s", "12 k tokens/s"),
    ],
)
def test_a_value_is_written_with_its_unit(value: float, unit: str, words: str) -> None:
    assert written(value, unit) == words


def test_an_unknown_unit_is_an_error() -> None:
    with pytest.raises(KeyError, match="furlong"):
        written(1, "furlong")
