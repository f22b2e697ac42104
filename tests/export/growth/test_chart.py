import re
from xml.etree import ElementTree

import pytest

from dragoman_export.growth.chart import draw
from tests.export.growth.test_report import growth

SVG = "{http://www.w3.org/2000/svg}"
NAMES = {"encoder", "attention", "linear layers and the rest", "a decoding step"}


def texts(svg: str) -> list[str]:
    root = ElementTree.fromstring(svg.encode())
    return ["".join(element.itertext()) for element in root.iter(f"{SVG}text")]


def test_the_picture_names_its_curves_and_says_where_they_meet() -> None:
    drawn = draw(growth())
    written = texts(drawn.svg)
    assert set(written) >= NAMES | {"source tokens", "milliseconds", "8", "256"}
    assert "at about 200 tokens" in " ".join(written)
    assert ElementTree.fromstring(drawn.svg.encode()).get("aria-label") == growth().sentence()
    assert drawn.png.startswith(b"\x89PNG")
    assert int.from_bytes(drawn.png[16:20], "big") == 1280


@pytest.mark.parametrize("quadratic", [0.0, 1e-7, 1e-12])
def test_the_caption_stands_below_the_names_of_the_lines_however_long_it_is(
    quadratic: float,
) -> None:
    svg = draw(growth(quadratic=quadratic)).svg
    lowest_name = max(float(y) for y in re.findall(r'anchor: start[^>]* y="([\d.]+)"', svg))
    captions = [float(y) for y in re.findall(r'translate\([\d.]+ ([\d.]+)\)">', svg)][2:]
    assert 20 < captions[0] - lowest_name < 30, "points, from line to line; one has 12"
    assert float(re.findall(r'height="([\d.]+)pt"', svg)[0]) - captions[-1] < 20


@pytest.mark.parametrize("quadratic", [0.0, 1e-12, 1.0])
def test_it_is_drawn_whatever_was_found(quadratic: float) -> None:
    assert set(texts(draw(growth(quadratic=quadratic)).svg)) >= NAMES
