"""The page: what is in it, and what a browser makes of it at the width of a telephone and more."""

import json
import re
import shutil
import subprocess
from functools import cache
from html import escape, unescape
from pathlib import Path
from typing import Any

import pytest

from dragoman.attention.page import Translated, render_page
from dragoman.attention.views import views
from tests.clients.attention.weights import SOURCE, TARGET, attention
from tests.clients.load.test_html_report import REFERENCES, Page

HOSTILE = (
    "</script><script>document.title='taken'</script>",
    "<!--",
    "<img src=x onerror=y>",
    "&lt;",
)
TEXT = "The animal didn't cross the street because it was too tired."
SAID = Translated(
    TEXT, "Das Tier überquerte die Straße nicht, weil es zu müde war.", "marian-en-de"
)


def page() -> str:
    return render_page(SAID, views(attention()))


def hostile() -> str:
    said = Translated(HOSTILE[0], HOSTILE[2], HOSTILE[1])
    return render_page(said, views(attention(HOSTILE, HOSTILE[::-1])))


def data(html: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', html, re.DOTALL)
    assert found is not None
    parsed: dict[str, Any] = json.loads(found[1])
    return parsed


@pytest.mark.parametrize("html", [page(), hostile()], ids=["page", "hostile"])
def test_elements_are_closed_in_order_and_there_are_two_scripts(html: str) -> None:
    parsed = Page(html)
    assert html.startswith("<!DOCTYPE html>")
    assert parsed.tags.count("script") == 2
    assert parsed.tags.count("main") == parsed.tags.count("h1") == 1
    assert "img" not in parsed.tags


def test_nothing_comes_from_elsewhere() -> None:
    html = page()
    assert {value for name, value in Page(html).attributes if name in REFERENCES} == {"data:,"}
    assert re.findall(r"https?://[^\"']*", html) == ["http://www.w3.org/2000/svg"]
    assert "default-src 'none'" in html


def test_no_text_is_ever_read_as_html() -> None:
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", page())


def test_hostile_tokens_stay_data() -> None:
    html = hostile()
    assert data(html)["views"][0]["queries"] == list(HOSTILE)
    assert html.count("</script>") == 2
    assert "<title>Attention: &lt;/script&gt;" in html


def test_all_weights_are_in_it_in_thousandths() -> None:
    made = attention()
    encoder, decoder, cross = data(render_page(SAID, views(made)))["views"]
    assert cross["weights"] == [round(1000 * weight) for weight in made.cross.values]
    assert (cross["layers"], cross["heads"]) == (2, 4)
    assert len(decoder["weights"]) == 2 * 4 * len(TARGET) ** 2
    assert encoder["keys"] == list(SOURCE)


# What follows is asked of the page itself, in a browser.

BROWSER = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)
in_a_browser = pytest.mark.skipif(BROWSER is None, reason="no Chromium here")

ASK = (Path(__file__).parent / "ask_page.js").read_text("utf-8")

FRAME = """<!DOCTYPE html><iframe width="{width}" height="1200" style="border: 0" srcdoc="{page}"
onload="document.body.append(contentDocument.getElementById('answers'))"></iframe>"""


@cache
def answers(html: str, width: int, folder: Path) -> dict[str, Any]:
    """What the page says of itself when it is that wide.

    In a frame: Chromium's own windows are at least 500 pixels wide.
    """
    assert BROWSER is not None
    file = folder / f"{width}.html"
    asked = html.replace("</body>", f"<script>{ASK}</script></body>")
    file.write_text(FRAME.format(width=width, page=escape(asked)), "utf-8")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder}/{width}"]
    command = [BROWSER, *flags, "--window-size=1400,1200", "--dump-dom", file.as_uri()]
    dom = subprocess.run(command, check=True, capture_output=True, text=True, timeout=90).stdout
    found = re.search(r'<pre id="answers">(.*?)</pre>', dom, re.DOTALL)
    assert found is not None, dom[-2000:]
    said: dict[str, Any] = json.loads(unescape(found[1]))
    return said


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pages")


@in_a_browser
@pytest.mark.parametrize("width", [400, 1280])
def test_it_has_room_and_is_legible_at_both_widths(width: int, folder: Path) -> None:
    said = answers(page(), width, folder)
    assert said["width"] == width
    assert said["overflow"] <= 0
    assert said["smallest"] >= 11


@in_a_browser
def test_a_word_that_is_pointed_at_tells_whom_it_attends_to(folder: Path) -> None:
    said = answers(page(), 1280, folder)
    weights = views(attention())[0].weights
    rows = [weights.head(1, head)[9] for head in range(4)]
    means = [sum(column) / 4 for column in zip(*rows, strict=True)]
    best = max(range(len(means)), key=means.__getitem__)
    assert said["told"].startswith(
        f"▁it attends to: {SOURCE[best]} {means[best]:.0%}".replace("%", "\u00a0%")
    )
    assert set(said["ofIt"]) == {9}
    assert 0 < len(said["ofIt"]) < said["lines"]
    assert said["shares"] == sum(mean >= 0.0095 for mean in means)


@in_a_browser
def test_it_works_by_keyboard(folder: Path) -> None:
    said = answers(page(), 1280, folder)
    assert said["stops"] == 2  # one for each column
    assert said["below"].startswith("▁was attends to: ")
    assert said["right"].startswith("▁was is attended to by: ")
    assert said["pressed"] == "true"
    assert said["held"] == said["right"]
    assert said["letGo"] == ""


@in_a_browser
def test_kind_layer_and_heads_can_be_chosen(folder: Path) -> None:
    said = answers(page(), 1280, folder)
    assert said["words"] == list(TARGET)
    weights = views(attention())[2].weights
    drawn = [
        round(1000 * weight) >= 10
        for head in range(4)
        for row in weights.head(0, head)
        for weight in row
    ]
    assert said["firstLayer"] == sum(drawn)
    assert said["noHeads"] == 0
    assert said["oneHead"] == ["#1d7f74"]
    assert said["rows"] == len(TARGET)
    assert said["cells"] > 0


@in_a_browser
def test_hostile_tokens_are_shown_as_they_are(folder: Path) -> None:
    said = answers(hostile(), 1280, folder)
    assert said["title"].startswith("Attention: </script>")
    assert said["heading"] == HOSTILE[0]
    assert said["words"] == list(HOSTILE[::-1])
