import re
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser

import pytest

from dragoman.load.html_report import render_report
from dragoman.load.result import Effort, Quality, Report
from tests.clients.load.reports import (
    SUMMARY,
    offline,
    overload,
    report,
    run,
    search,
    single_stream,
    unanswered,
)

VOID = {"meta", "link"}
REFERENCES = {"src", "href", "xlink:href", "srcset", "action", "data", "poster"}
HOSTILE = "line 1, '<script>alert(1)</script>': expected 'a & b', came '<img src=x onerror=y>'"

REPORTS = {
    "search": search(),
    "overload": overload(),
    "single-stream": single_stream(),
    "offline": offline(),
    "unanswered": unanswered(),
}


class Page(HTMLParser):
    """What a browser finds in a page; raises where elements are not closed in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.words: list[tuple[str, str]] = []
        """Text, each with the name of the element that it is in."""
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.words.append((self.open[-1], data))

    @property
    def text(self) -> str:
        """All that is to be read, blanks joined."""
        shown = (data for tag, data in self.words if tag not in {"style", "title"})
        return " ".join(" ".join(shown).split())

    def written_in(self, tag: str) -> list[str]:
        return [data for name, data in self.words if name == tag]


def page(made: Report) -> Page:
    return Page(render_report(made))


@cache
def page_of(name: str) -> Page:
    return Page(html_of(name))


@cache
def html_of(name: str) -> str:
    return render_report(REPORTS[name])


@pytest.mark.parametrize("name", REPORTS)
def test_a_page_is_complete_and_needs_nothing_from_elsewhere(name: str) -> None:
    html, found = html_of(name), page_of(name)
    assert html.lstrip().startswith("<!DOCTYPE html>")
    references = [value for key, value in found.attributes if key in REFERENCES]
    assert all(value.startswith(("#", "data:,")) for value in references)
    assert not re.search(r"@import|url\((?!#)", html)
    assert not [key for key, _ in found.attributes if key.startswith("on")]
    assert {"script", "img", "iframe", "object", "base", "form"}.isdisjoint(found.tags)
    others = [v for key, v in found.attributes if "http" in v and not key.startswith("xmlns")]
    assert not others


@pytest.mark.parametrize("name", REPORTS)
def test_the_same_report_gives_the_same_page(name: str) -> None:
    assert render_report(REPORTS[name]) == html_of(name)


@pytest.mark.parametrize("name", REPORTS)
def test_circumstances_and_loadgens_words_are_told(name: str) -> None:
    made, found = REPORTS[name], page_of(name)
    for told in (made.command, made.client, made.target, made.model, made.corpus, made.version):
        assert told in found.text
    for option, value in made.options.items():
        assert option in found.written_in("dt")
        assert value in found.written_in("dd")
    assert "2025-03-04 10:15+01:00" in found.text
    assert SUMMARY in found.written_in("pre")


@pytest.mark.parametrize(
    ("name", "pictures"),
    [("search", 4), ("overload", 3), ("single-stream", 2), ("offline", 1), ("unanswered", 0)],
)
def test_a_page_has_the_pictures_that_there_are_figures_for(name: str, pictures: int) -> None:
    tags = page_of(name).tags
    assert tags.count("svg") == tags.count("figcaption") == pictures


def test_a_search_begins_with_its_peak() -> None:
    text = page_of("search").text
    assert text.startswith("VALID Load test of")
    assert (
        "112 texts per second, arriving at random: 97 % of them are translated within 200" in text
    )
    for card in (
        "Peak rate 112 texts/s 112 completed",
        "Latency, p50 58.0 ms",
        "Latency, p97 179 ms bound 200 ms",
        "Latency, p99 234 ms",
        "Goodput 110 texts/s 98.0 % of what was translated",
        "Tokens 2,755 /s 24.6 a text",
        "Refused 0 of 6,720 requests",
        "Failed 0",
    ):
        assert card in text


def test_what_kept_the_processors_busy_is_told() -> None:
    assert "busy server 1.72 cores, 2 engines; load generator 0.21 cores" in page_of("search").text
    unknown = replace(overload().result, effort=Effort(client_cores=0.5))
    told = "busy load generator 0.50 cores; of the server nothing is known"
    assert told in page(report(unknown)).text


def test_every_run_of_a_search_has_its_line_and_its_reasons() -> None:
    text = page_of("search").text
    assert "1 32.0 32.0 31.4 34.0 79.3 96.9 787 640 0 0 20.0 valid 2" in text
    assert "20.0 invalid LoadGen: performance constraints not satisfied LoadGen: early" in text
    assert "20.0 invalid p97 of 231 ms is over the bound of 200 ms 6" in text
    assert "6 112.0 112.0 109.8 58.0 179.3 234.2 2,755 6,720 0 0 60.0 valid, peak" in text


def test_a_search_that_found_nothing_says_so() -> None:
    runs = [run(rate, median_ms=900.0, reasons=("too slow",)) for rate in (40.0, 20.0)]
    told = "No rate was found that keeps the bound, down to 1.27/s."
    found = page(replace(report(*runs), search_told=told))
    assert found.text.startswith("INVALID")
    assert found.written_in("h1") == [told]
    assert "Completed 112 texts/s 20.0 offered" in found.text


def test_an_invalid_run_gives_every_reason_first() -> None:
    made, found = REPORTS["overload"], page_of("overload")
    assert found.text.startswith("INVALID")
    listed = found.written_in("li")
    assert listed[: len(made.result.reasons)] == made.result.reasons


def test_refusals_and_failures_are_told() -> None:
    text = page_of("overload").text
    assert "Of 240 texts per second offered, 160 were translated." in text
    assert "Latency, p97 656 ms bound 200 ms" in text
    assert "Refused 2,412 33.5 %, half of them within 1.40 ms" in text
    assert "Failed 3 < 0.1 %" in text
    assert "RESOURCE_EXHAUSTED 2,412 33.5 % DEADLINE_EXCEEDED 3 < 0.1 %" in text
    assert "ms translated refused p50 410 1.40" in text
    assert "6.20 Outcomes" in text


def test_percentiles_of_what_was_translated_are_told() -> None:
    text = page_of("single-stream").text
    assert "ms translated p50 4.10 p90 6.42 p95 7.29 p97 7.92 p99 9.26" in text
    assert "p99.9 12.09 slowest 15.07" in text


def test_a_narrow_screen_has_every_figure_of_a_run_beside_its_name() -> None:
    """Where columns have no room side by side the page writes each heading before its cell."""
    found = page_of("search")
    headings = [data for tag, data in found.words if tag == "th"]
    named = [value for name, value in found.attributes if name == "data-name"]
    columns = headings[headings.index("offered/s") : headings.index("verdict") + 1]
    assert named == columns * len(REPORTS["search"].runs)


@pytest.mark.parametrize("name", ["single-stream", "offline"])
def test_bound_and_goodput_are_of_the_server_scenario_alone(name: str) -> None:
    found = page_of(name)
    assert not re.search("goodput|bound 200|offered", found.text, re.IGNORECASE)
    assert "Requests 1" in found.text


@pytest.mark.parametrize("percentile", [50.0, 99.0, 90.0, 99.9])
def test_the_bounds_percentile_is_among_those_told_first(percentile: float) -> None:
    text = page(replace(report(run()), latency_percentile=percentile)).text
    assert re.search(rf"Latency, p{percentile:g} \S+ ms bound 200 ms", text)
    assert text.count("Latency, p") == 3


def test_a_run_in_which_nothing_was_answered_has_a_page() -> None:
    text = page_of("unanswered").text
    assert "None of 500 requests was answered with a translation." in text
    assert "Latency, p97 — Latency" in text
    assert "Failed 500 100.0 %" in text
    assert "UNAVAILABLE 500 100.0 %" in text
    assert "nothing was translated" in text


def test_whatever_others_wrote_is_text() -> None:
    made = replace(
        overload(),
        wrong=[HOSTILE],
        command=HOSTILE,
        model=HOSTILE,
        options={HOSTILE: HOSTILE},
        runs=[replace(overload().result, reasons=[HOSTILE], loadgen_summary=HOSTILE)],
    )
    found = page(made)
    assert {"script", "img"}.isdisjoint(found.tags)
    assert found.text.count(HOSTILE) == 9  # model and reasons are told twice


def test_wrong_answers_are_shown_where_there_are_any() -> None:
    assert "Wrong answers" not in page_of("search").text
    found = page(replace(unanswered(), wrong=[HOSTILE, "line 2: expected 'c', came 'd'"]))
    assert "Wrong answers The first 2." in found.text
    assert {HOSTILE, "line 2: expected 'c', came 'd'"} <= set(found.written_in("pre"))


def test_quality_is_told_with_its_signatures_where_it_was_measured() -> None:
    assert "BLEU" not in page_of("overload").text
    quality = Quality(30.014, "nrefs:1|tok:13a", 55.4, "nrefs:1|nc:6", 1997)
    text = page(replace(unanswered(), quality=quality)).text
    assert "1,997 texts score signature" in text
    assert "BLEU 30.01 nrefs:1|tok:13a chrF 55.40 nrefs:1|nc:6" in text
