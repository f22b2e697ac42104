import json
from pathlib import Path

import pytest

from dragoman_export.growth.bundle import MeasuredBundle
from dragoman_export.growth.measure import Point
from dragoman_export.growth.report import Growth

LENGTHS = (8, 16, 32, 64, 128, 256)


def growth(
    *, quadratic: float = 1e-7, recurrent: float = 1e-4, most: int = 256, lengths: int = 6
) -> Growth:
    """Linear layers take 20 µs a token; attention and the LSTM as they are told."""
    bundle = MeasuredBundle(Path("b"), Path("b"), "toy", "int8", 4, 256, 4, 8000, most, "0" * 64)
    points = []
    for length in LENGTHS[:lengths]:
        attention, rest = quadratic * length**2, 2e-5 * length
        total = attention + rest
        points.append(
            Point(
                length, [9 * total, total, total], [attention / total], [recurrent * length], [5e-4]
            )
        )
    return Growth(bundle, 1, points, [0.5, 1.2])


def test_medians_count_and_parts_are_told_apart() -> None:
    point = growth().points[-1]
    assert point.encoder == pytest.approx(256 * 2e-5 + 256**2 * 1e-7)
    assert point.attention == pytest.approx(256**2 * 1e-7)
    assert point.rest == pytest.approx(256 * 2e-5)


def test_it_is_told_where_attention_takes_as_long_as_the_rest() -> None:
    found = growth()
    assert found.even == pytest.approx(200)
    assert "takes as long as all the rest at about 200 tokens; " in found.sentence()


def test_beyond_what_was_measured_the_fit_tells_it() -> None:
    found = growth(lengths=4)
    assert found.even == pytest.approx(200, rel=0.01)
    assert "at about 200 tokens, more than was measured (64); " in found.sentence()
    assert "more than the model takes (100); " in growth(lengths=4, most=100).sentence()


def test_where_attention_takes_longer_everywhere_it_is_the_shortest_length() -> None:
    assert growth(quadratic=1e-4).even == 8


def test_what_is_extrapolated_is_beyond_what_was_measured() -> None:
    found = growth(lengths=4)
    noisy = [
        Point(each.length, each.encoder_seconds, [min(0.45, 9 * each.attention_shares[0])], [1.0])
        for each in found.points
    ]
    even = Growth(found.bundle, 1, noisy, [0.0, 0.0]).even
    assert even is not None
    assert even >= 64


def test_what_does_not_grow_with_the_square_is_told_so() -> None:
    assert growth(quadratic=0.0).even is None
    assert growth(quadratic=0.0).sentence().startswith("At these lengths nothing is seen to grow")


def test_it_is_told_where_the_recurrent_encoder_takes_less_time() -> None:
    found = growth(recurrent=3e-5)
    assert found.encoder_meets == pytest.approx(100, rel=0.1)
    assert "of its width and depth takes less time from about " in found.sentence()


def test_where_it_takes_more_or_less_time_everywhere_it_is_told_how_much() -> None:
    slow, quick = growth().sentence(), growth(recurrent=1e-5).sentence()
    assert slow.endswith("takes 4.81 times as long at 8 and 2.19 times as long at 256.")
    assert quick.endswith("takes 0.48 times as long at 8 and 0.22 times as long at 256.")


def test_the_table_has_a_line_for_each_length() -> None:
    headings, *lines = growth().table().splitlines()
    assert headings.split()[:3] == ["tokens", "encoder", "attention"]
    assert len(lines) == len(LENGTHS)
    assert lines[-1].split() == [
        "256",
        "11.674",
        "6.554",
        "56%",
        "5.120",
        "11.674",
        "25.600",
        "2.19",
        "0.500",
    ]


def test_json_has_machine_versions_bundle_and_every_sample() -> None:
    told = json.loads(json.dumps(growth().json()))
    assert told["machine"]["threads"] == 1
    assert told["machine"]["load_averages"] == [0.5, 1.2]
    assert {"python", "dragoman", "onnxruntime", "onnx", "numpy"} == set(told["versions"])
    assert told["bundle"]["name"] == "toy"
    assert "encoder" not in told["bundle"]
    assert told["points"][0]["length"] == 8
    assert len(told["points"][0]["encoder_seconds"]) == 3
    assert told["fitted_to_whole"]["quadratic"] == pytest.approx(1e-7, rel=0.01)
    assert told["attention_as_rest_tokens"] == pytest.approx(200)
