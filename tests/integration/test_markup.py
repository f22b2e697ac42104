"""HTML through a real server of the shipped model: the same elements, round words of theirs."""

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from justhtml import JustHTML

from dragoman import Client
from dragoman.commands import translate
from tests.bench.markup import marked_up, nesting, words_of
from tests.integration.conftest import Bundles, everyday_sentences
from tests.integration.served import Served

PAGE = """<!DOCTYPE html>
<html lang="en"><head><title>My house &amp; yours</title><style>p > b { x: "<i>" }</style></head>
<body>
<h1 class="big" id=top>Welcome to <em>our <b>new</b> house</em></h1>
<p>I have <em>never</em> seen <a href="/film?a=1&amp;b=2" title="x > y">this film</a>.<br>
Do you <i>really</i> want to <b>buy <u data-n='1'>the red car</u></b>?</p><hr/>
<p>Tom &amp; Mary live in <span><strong>Boston</strong></span>, don&#39;t they<sup>1</sup>?
<img src="a.png" alt="I am here."> They <!-- who? --> say that 3 &lt; 5 &amp; <wbr>nothing else.</p>
<ul><li>One <b>apple</b></li><li>2</li><li><a href="u"><i></i>Two coffees, please.</a></li></ul>
<script>if (a < b) { "<b>Good morning</b>" }</script><!-- the end --></body></html>
"""

FILM = 'I have <em>never</em> seen <a href="x">this film</a>.'
FILM_IN_GERMAN = 'Ich habe <a href="x">diesen Film</a> <em>noch nie</em> gesehen.'

Path_ = tuple[tuple[str, str], ...]


@pytest.fixture(scope="module")
def server(bundles: Bundles) -> Iterator[Served]:
    with Served(bundles["float32"], workers=1, engines=1) as served:
        yield served


@pytest.fixture
def client(server: Served) -> Iterator[Client]:
    with Client(server.address) as client:
        yield client


def structure(page: str) -> Counter[Path_]:
    """Each element and comment with its attributes and all that it is in, as browsers have it."""
    found: Counter[Path_] = Counter()
    waiting: list[tuple[Path_, object]] = [((), JustHTML(page, sanitize=False).root)]
    while waiting:
        outer, node = waiting.pop()
        name = str(getattr(node, "name", ""))
        if name == "#text":
            continue
        said = getattr(node, "data", None) if name == "#comment" else getattr(node, "attrs", None)
        path = (*outer, (name, str(said)))
        found[path] += 1
        waiting += [(path, child) for child in getattr(node, "children", None) or []]
    return found


def test_a_page_has_the_same_elements_in_the_same_ones(client: Client) -> None:
    translation = client.translate(PAGE, mime_type="text/html")
    page = translation.translated_text
    assert structure(page) == structure(PAGE)
    assert len(structure(page)) > 25
    assert not translation.warnings
    for kept in ('title="x > y"', "data-n='1'", "<hr/>", "&amp;", "3 &lt; 5", "id=top"):
        assert kept in page
    assert '"<b>Good morning</b>"' in page
    for said in ("<em>unser <b>neues</b> Haus</em>", "<u data-n='1'>das rote Auto</u>"):
        assert said in page


def test_elements_go_with_their_words_and_no_mark_is_said_twice(client: Client) -> None:
    answer, plain = client.translate([FILM, "I <b>see</b>."], mime_type="text/html")
    assert answer.translated_text == FILM_IN_GERMAN
    assert plain.translated_text.count(".") == 1
    (streamed,) = client.translate_stream([FILM], mime_type="text/html")
    assert streamed.translation == answer


def test_no_tag_is_lost_or_changed_and_words_are_those_of_the_plain_text(client: Client) -> None:
    lines = everyday_sentences()[:150]
    generator = random.Random(0)
    pages = [marked_up(line, generator) for line in lines]
    answers = client.translate(pages, mime_type="text/html")
    plain = client.translate(lines)
    for page, answer, line in zip(pages, answers, plain, strict=True):
        assert nesting(answer.translated_text) == nesting(page) is not None
        assert words_of(answer.translated_text) == "".join(line.translated_text.split())
        assert not answer.warnings


XLIFF = """<?xml version="1.0"?>
<xliff version="1.2" xmlns="urn:oasis:names:tc:xliff:document:1.2">
<file source-language="en" target-language="de" datatype="html" original="a"><body>
<trans-unit id="1">
<source>I have <g id="1">never</g> seen <x id="2"/><g id="3">this film</g>.</source></trans-unit>
</body></file></xliff>
"""

FILES: Sequence[tuple[str, str, str]] = [
    ("page.html", f"<p>{FILM}</p>\n", f"<p>{FILM_IN_GERMAN}</p>\n"),
    (
        "page.md",
        "* I have *never* seen [this film](x).\n",
        "* Ich habe [diesen Film](x) *noch nie* gesehen.\n",
    ),
    (
        "page.xliff",
        XLIFF,
        'Ich habe <x id="2"/><g id="3">diesen Film</g> <g id="1">noch nie</g> gesehen.</target>',
    ),
]


@pytest.mark.parametrize(("name", "content", "expected"), FILES)
def test_files_have_their_tags_round_the_same_words(
    server: Served, tmp_path: Path, name: str, content: str, expected: str
) -> None:
    source, output = tmp_path / name, tmp_path / f"de.{name}"
    source.write_text(content)
    arguments = ["--target", server.address, "-i", str(source), "-o", str(output)]
    assert translate.main(arguments) == 0
    assert expected in output.read_text()
