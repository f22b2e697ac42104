import re
from dataclasses import replace
from functools import cache
from xml.etree import ElementTree

import matplotlib as mpl
import pytest

from dragoman.drawing import COLOURS
from dragoman.load.pictures import distribution_picture, rates_picture, stages_picture
from dragoman.load.result import Moment, Report, Stages
from dragoman.load.timeline import timeline_picture
from tests.clients.load.reports import offline, overload, report, run, search, single_stream

STAGES = Stages(queue_ms=6.4, encode_ms=5.1, decode_ms=51.3, rest_ms=2.2)
SVG = "{http://www.w3.org/2000/svg}"
LINK = "{http://www.w3.org/1999/xlink}href"


def draw_all() -> list[str]:
    found = search()
    return [
        distribution_picture(found),
        rates_picture(found),
        timeline_picture(found),
        stages_picture(STAGES),
    ]


@cache
def drawn() -> list[str]:
    return draw_all()


def texts(svg: str) -> list[str]:
    """What is written, as text and not as outlines."""
    root = ElementTree.fromstring(svg)
    return ["".join(element.itertext()) for element in root.iter(f"{SVG}text")]


def marks(svg: str, colour: str, fill: str) -> int:
    """Points of a line in `colour` that are filled with `fill`."""
    style = f"fill: {painted(fill)}; stroke: {painted(colour)}"
    root = ElementTree.fromstring(svg)
    return sum(use.get("style", "").startswith(style) for use in root.iter(f"{SVG}use"))


def painted(colour: str) -> str:
    return f"var(--{colour}, {COLOURS[colour]})"


def test_the_same_figures_give_the_same_pictures() -> None:
    assert draw_all() == drawn()


def test_pictures_of_one_page_share_no_ids_and_refer_to_their_own() -> None:
    seen: set[str] = set()
    for svg in drawn():
        elements = list(ElementTree.fromstring(svg).iter())
        ids = [element.attrib["id"] for element in elements if "id" in element.attrib]
        assert len(ids) == len(set(ids))
        assert seen.isdisjoint(ids)
        seen.update(ids)
        linked = {element.attrib[LINK] for element in elements if LINK in element.attrib}
        referred = linked | set(re.findall(r"url\((#[^)]*)\)", svg))
        assert referred
        assert referred <= {f"#{each}" for each in ids}


def test_pictures_say_nothing_of_when_and_by_what_they_were_made() -> None:
    for svg in drawn():
        assert svg.startswith("<svg ")
        assert ElementTree.fromstring(svg).get("aria-label")
        assert not re.search(r"<style|<metadata|<!DOCTYPE|Matplotlib|font-family", svg)
        assert {*re.findall(r"https?://[^\"]*", svg)} <= {SVG.strip("{}"), LINK[1:-5]}


def test_every_colour_is_the_pages() -> None:
    for svg in drawn():
        plain = re.sub(r"var\(--[a-z-]+, #[0-9a-f]{6}\)", "", svg)
        assert set(re.findall(r"(?:fill|stroke): ([^;\"]+)", plain)) <= {"none", ""}
    assert len(set(COLOURS.values())) == len(COLOURS)


def test_drawing_leaves_no_trace_in_matplotlib() -> None:
    before = dict(mpl.rcParams)
    stages_picture(STAGES)
    assert dict(mpl.rcParams) == before


def test_a_distribution_tells_percentile_and_bound() -> None:
    written = texts(distribution_picture(search()))
    assert "p97  179 ms" in written
    assert "p50  58.0 ms" in written
    assert "bound 200 ms" in written


def test_a_long_tail_does_not_squash_the_curve() -> None:
    long = replace(search().result, latency_ms=search().result.latency_ms | {"99": 9e3})
    long = replace(long, curve_ms=[*long.curve_ms[:-1], 60_000.0])
    written = texts(distribution_picture(report(long)))
    assert "slowest 60,000 ms →" in written
    scale = [int(each.replace(",", "")) for each in written if re.fullmatch(r"[\d,]+", each)]
    assert max(scale) < 400


def test_a_distant_bound_does_not_either() -> None:
    written = texts(distribution_picture(replace(search(), latency_bound_ms=30_000.0)))
    assert "bound 30,000 ms →" in written
    assert "5,000" not in written


@pytest.mark.parametrize("made", [offline(), single_stream()])
def test_only_the_server_scenario_has_a_bound(made: Report) -> None:
    assert not [each for each in texts(distribution_picture(made)) if "bound" in each]


def test_latencies_that_are_all_the_same_are_drawn() -> None:
    same = replace(run(), latency_ms=dict.fromkeys(run().latency_ms, 5.0), curve_ms=[5.0] * 201)
    assert "p97  5.00 ms" in texts(distribution_picture(report(same)))


def test_rates_are_marked_as_valid_or_not() -> None:
    svg = rates_picture(search())  # two of six runs are invalid, one of them off the scale
    assert marks(svg, "blue", "blue") == marks(svg, "teal", "teal") == 4
    assert marks(svg, "blue", "surface") == marks(svg, "teal", "surface") == 2


def test_rates_tell_percentiles_bound_and_peak() -> None:
    written = texts(rates_picture(search()))
    assert {"p50", "p97", "bound", "invalid", "peak 112/s"} <= set(written)


def test_a_search_without_a_peak_marks_none() -> None:
    written = texts(rates_picture(replace(search(), peak=None)))
    assert not [each for each in written if "peak" in each]


def test_runs_that_translated_nothing_are_not_drawn() -> None:
    svg = rates_picture(report(run(10.0), run(20.0), run(30.0, ok=0, reasons=("nothing",))))
    assert marks(svg, "blue", "blue") == 2
    assert marks(svg, "blue", "surface") == 0


def test_rates_off_the_scale_leave_the_others_readable() -> None:
    written = texts(rates_picture(report(run(10.0), run(20.0, median_ms=1e5))))
    scale = [int(each.replace(",", "")) for each in written if re.fullmatch(r"[\d,]+", each)]
    assert max(scale) <= 500


def test_a_timeline_has_a_panel_for_all_that_is_known() -> None:
    panels = {"texts per second", "latency, ms", "texts in the server", "rows of a decoding step"}
    series = {"answered", "refused", "p50", "p97", "waiting", "running"}
    assert panels | series <= set(texts(timeline_picture(overload())))


def test_panels_without_figures_are_left_out() -> None:
    written = set(texts(timeline_picture(single_stream())))
    assert {"texts per second", "latency, ms", "seconds"} <= written
    assert written.isdisjoint({"refused", "texts in the server", "rows of a decoding step"})


def test_seconds_without_answers_are_gaps() -> None:
    moments = [
        Moment(1, 1.0, answered=2, refused=0, p50_ms=4.0, p97_ms=5.0),
        Moment(2, 1.0, answered=0, refused=0, p50_ms=None, p97_ms=None),
        Moment(3, 1.0, answered=1, refused=0, p50_ms=4.0, p97_ms=4.0, waiting=0.0),
    ]
    written = texts(timeline_picture(report(replace(run(), timeline=moments))))
    assert {"latency, ms", "texts in the server"} <= set(written)
    none = [replace(moments[1], second=1)]
    written = texts(timeline_picture(report(replace(run(), timeline=none))))
    assert "latency, ms" not in written


def test_stages_have_their_milliseconds_written_on_them() -> None:
    written = texts(stages_picture(STAGES))
    named = ["queue 6.40 ms", "encode 5.10 ms", "decode 51.3 ms", "rest 2.20 ms"]
    assert [each for each in written if each in named] == named
    assert {"6.40", "51.3"} <= set(written)  # on the bar, where there is room
    assert "2.20" not in written


def test_stages_that_took_no_time_are_drawn() -> None:
    assert "rest 0 ms" in texts(stages_picture(Stages(0.0, 0.0, 0.0, 0.0)))
