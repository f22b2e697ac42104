"""Heat maps and lines, of little and of much, in every script."""

import warnings
from collections.abc import Callable, Iterator
from xml.etree import ElementTree

import pytest

from dragoman.attention.heat_map import draw_heat_maps
from dragoman.attention.lines import LEAST, colour, draw_lines_between
from dragoman.attention.views import Chosen, views
from dragoman.drawing import Drawn
from tests.clients.attention.weights import SOURCE, TARGET, attention

SVG = "{http://www.w3.org/2000/svg}"
SCRIPTS = (
    "日本語",
    "中文",
    "한국어",
    "שלום",
    "العربية",
    "😀",
    "👩‍🚀",
    "हिन्दी",
    "\ue000",
    "$a$ ^{_",
)

DRAW = pytest.mark.parametrize("draw", [draw_heat_maps, draw_lines_between])


@pytest.fixture(autouse=True)
def _warnings_are_errors() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def texts(svg: str) -> list[str]:
    root = ElementTree.fromstring(svg.encode())
    return ["".join(element.itertext()) for element in root.iter(f"{SVG}text")]


def size(png: bytes) -> tuple[int, int]:
    assert png.startswith(b"\x89PNG")
    return int.from_bytes(png[16:20], "big"), int.from_bytes(png[20:24], "big")


def strokes(svg: str) -> list[tuple[str, float]]:
    """Colour and opacity of each line between words."""
    found = []
    for group in ElementTree.fromstring(svg.encode()).iter(f"{SVG}g"):
        if group.get("id", "").startswith("LineCollection"):
            for path in group.iter(f"{SVG}path"):
                style = dict(part.split(": ") for part in path.get("style", "").split("; "))
                found.append((style["stroke"], float(style.get("stroke-opacity", 1))))
    return found


@DRAW
def test_a_single_word_is_drawn(draw: Callable[[Chosen], Drawn]) -> None:
    for view in views(attention(("a",), ("b",), layers=1, heads=1)):
        drawn = draw(Chosen(view, 0, [0]))
        assert size(drawn.png)[0] == 1280
        assert set(view.queries) | set(view.keys) <= set(texts(drawn.svg))


@DRAW
def test_tokens_of_every_script_are_drawn_and_kept_in_the_svg(
    draw: Callable[[Chosen], Drawn],
) -> None:
    drawn = draw(Chosen(views(attention(SCRIPTS, SCRIPTS))[0], 0, [0]))
    assert set(SCRIPTS) - {"\ue000"} <= set(texts(drawn.svg))
    assert "\\ue000" in texts(drawn.svg)
    assert size(drawn.png)[0] == 1280


@DRAW
def test_a_long_text_is_drawn(draw: Callable[[Chosen], Drawn]) -> None:
    long = [f"token{number}" for number in range(60)]
    drawn = draw(Chosen(views(attention(long, ("a", "b"), layers=1, heads=1))[0], 0, [0]))
    assert all(1280 <= each <= 30_000 for each in size(drawn.png))
    assert {"token0", "token59"} <= set(texts(drawn.svg))


@DRAW
def test_many_heads_are_drawn(draw: Callable[[Chosen], Drawn]) -> None:
    few = ("a", "b", "c")
    drawn = draw(Chosen(views(attention(few, few, layers=1, heads=16))[0], 0, range(16)))
    width, height = size(drawn.png)
    assert width == 1280
    assert height < 3 * width
    written = texts(drawn.svg)
    assert "Encoder self-attention, layer 1 of 1, all 16 heads" in written
    assert set(written) >= {f"head {number}" for number in range(1, 17)}


def test_a_token_that_is_too_long_ends_with_an_ellipsis() -> None:
    drawn = draw_lines_between(Chosen(views(attention(("x" * 40,), ("b",)))[0], 0, [0]))
    assert "x" * 15 + "…" in texts(drawn.svg)


def test_each_line_has_the_colour_of_its_head_and_the_weight_as_opacity() -> None:
    view = views(attention())[0]
    chosen = Chosen(view, 1, [1, 3])
    expected = [
        (colour(head), weight)
        for head in (1, 3)
        for row in chosen.rows(head)
        for weight in row
        if weight >= LEAST
    ]
    found = strokes(draw_lines_between(chosen).svg)
    assert [each for each, _ in found] == [each for each, _ in expected]
    opacities = [opacity for _, opacity in found]
    assert opacities == pytest.approx([weight for _, weight in expected], abs=1e-4)


def test_lines_of_some_words_alone_can_be_drawn() -> None:
    chosen = Chosen(views(attention())[0], 1, [0, 1])
    place = SOURCE.index("▁it")
    expected = sum(weight >= LEAST for head in (0, 1) for weight in chosen.rows(head)[place])
    assert len(strokes(draw_lines_between(chosen, [place]).svg)) == expected


def test_a_heat_map_names_rows_and_columns_and_its_darkest() -> None:
    chosen = Chosen(views(attention())[2], 1, [0])
    drawn = draw_heat_maps(chosen)
    written = texts(drawn.svg)
    assert set(SOURCE) | set(TARGET) <= set(written)
    most = max(weight for row in chosen.rows(0) for weight in row)
    assert f"Rows attend to columns; blue is {most:.0%} of a row's attention." in written
    label = ElementTree.fromstring(drawn.svg.encode()).get("aria-label")
    assert label is not None
    assert label.startswith("Cross-attention, layer 2 of 2, head 1. ")


@DRAW
def test_the_same_weights_give_the_same_files(draw: Callable[[Chosen], Drawn]) -> None:
    chosen = Chosen(views(attention())[0], 0, [0])
    assert draw(chosen) == draw(chosen)
