import pytest

from tests.bench.growth_report import Curve, growth_table
from tests.bench.growth_worker import FIRST, LAST, Point, between, random_sources

POINT = Point(sentences=3, source=5, beam_size=1)


def test_what_encoding_costs_falls_out_of_a_step() -> None:
    def decode(point: Point, tokens: int) -> float:
        return 7.0 + point.sentences * tokens

    assert between(decode, POINT) == pytest.approx(3.0)
    assert LAST > FIRST


def test_sources_are_as_long_as_asked_for_and_always_the_same() -> None:
    sources = random_sources(POINT)
    assert [len(source) for source in sources] == [5, 5, 5]
    assert all(source[-1] == 0 and 0 not in source[:-1] for source in sources)
    assert sources == random_sources(POINT)


def test_a_table_has_a_column_for_each_place() -> None:
    curve = Curve("vocabulary", "dragoman", "int8", [8_000, 256_000], [[0.001, 0.0325]])
    assert growth_table([curve]) == (
        ["system", "precision", "8,000", "256,000"],
        [("dragoman", "int8", "1.00", "32.50")],
    )
