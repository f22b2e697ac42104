import warnings
from xml.etree import ElementTree

import matplotlib as mpl

from dragoman.drawing import drawn, picture


def test_a_png_is_1280_pixels_wide() -> None:
    with picture(4, 2) as figure:
        png = drawn(figure, "").png
    assert [int.from_bytes(png[at : at + 4], "big") for at in (16, 20)] == [1280, 640]


def test_what_is_very_high_is_a_png_that_can_be_shown() -> None:
    with picture(1, 200) as figure:
        assert int.from_bytes(drawn(figure, "").png[20:24], "big") <= 30_000


def test_an_svg_has_text_and_says_what_it_shows() -> None:
    with picture(4, 2) as figure:
        figure.text(0, 0.5, "<b> & 日本")
        svg = drawn(figure, 'a "picture" of <b>').svg
    root = ElementTree.fromstring(svg.encode())
    assert root.get("aria-label") == 'a "picture" of <b>'
    assert "".join(root.itertext()).strip().endswith("<b> & 日本")
    assert "DOCTYPE" not in svg
    assert "sans-serif" in svg


def test_what_no_font_has_is_drawn_without_a_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with picture(4, 2, ["\ue000 \U000f0000"]) as figure:
            figure.text(0, 0.5, "\ue000 \U000f0000 $x^$ \\frac$")
            assert drawn(figure, "").png


def test_the_same_drawing_gives_the_same_files_and_leaves_no_trace() -> None:
    before = dict(mpl.rcParams)
    files = []
    for _ in range(2):
        with picture(4, 2) as figure:
            figure.subplots().plot([1, 2])
            files.append(drawn(figure, "a line"))
    assert files[0] == files[1]
    assert dict(mpl.rcParams) == before
