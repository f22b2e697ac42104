"""What stands for what, on the page: words, sentences and attention, by pointer and by keys."""

import re
from collections.abc import Iterator

import grpc
import pytest
from axe_playwright_python.sync_playwright import Axe
from google.rpc import code_pb2  # type: ignore[import-untyped]
from playwright.sync_api import Browser, Locator, expect

from dragoman.v1 import translation_pb2 as pb
from tests.clients.fake_server import (
    Requests,
    Responses,
    StreamScript,
    bad_field,
    cause,
    refusal,
    status,
)
from tests.clients.playground.served import GrowingServer, grow
from tests.clients.playground.visits import NARROW, WIDE, Visit, visit

SOURCE, TARGET = "😀 see you. I go.", "👍 bis bald. Ich gehe."
"""Emoji are one code point, and two of JavaScript's characters."""


def link(source: str, target: str, weight: float = 1.0) -> pb.AlignmentLink:
    begins = SOURCE.index(source), TARGET.index(target)
    return pb.AlignmentLink(
        source_begin=begins[0],
        source_end=begins[0] + len(source),
        target_begin=begins[1],
        target_end=begins[1] + len(target),
        weight=weight,
    )


def segment(source: str, target: str) -> pb.Segment:
    words = link(source, target)
    return pb.Segment(
        source_begin=words.source_begin,
        source_end=words.source_end,
        target_begin=words.target_begin,
        target_end=words.target_end,
        finish_reason=pb.FINISH_REASON_STOP,
    )


LINKS = [
    link("😀", "👍"),
    link("see", "bis", 0.75),
    link("you", "bis", 0.25),
    link("you", "bald", 0.5),
    link("I", "Ich"),
    link("go", "gehe"),
]
SENTENCES = [segment("😀 see you.", "👍 bis bald."), segment("I go.", "Ich gehe.")]


def weights(layers: int, heads: int, queries: int, keys: int) -> pb.AttentionWeights:
    """Each query has all its weight on one key: that of its number and the head's."""
    values = [
        float(key == (query + head) % keys)
        for _ in range(layers)
        for head in range(heads)
        for query in range(queries)
        for key in range(keys)
    ]
    return pb.AttentionWeights(
        layer_count=layers, head_count=heads, query_count=queries, key_count=keys, values=values
    )


ATTENTION = pb.Attention(
    source_tokens=["▁a", "▁b", "</s>"],
    target_tokens=["▁A", "▁B"],
    encoder=weights(2, 2, 3, 3),
    decoder=weights(1, 2, 2, 2),
    cross=weights(1, 2, 2, 3),
)


def saying(
    *,
    segments: list[pb.Segment] | None = None,
    warnings: list[pb.Warning] | None = None,
    attention: pb.Attention | None = None,
    asked: list[pb.StreamTranslateTextRequest] | None = None,
) -> StreamScript:
    """Says TARGET whatever the text is, and links, sentences and weights as they are asked for."""

    def say(requests: Requests, _: grpc.ServicerContext) -> Responses:
        for request in requests:
            if asked is not None:
                asked.append(request)
            yield pb.StreamTranslateTextResponse(
                id=request.id,
                translation=pb.Translation(
                    translated_text=TARGET,
                    finish_reason=pb.FINISH_REASON_STOP,
                    target_token_count=3,
                    segments=segments or [],
                    warnings=warnings or [],
                    alignment=LINKS if request.return_alignment else [],
                    attention=attention if request.return_attention else None,
                ),
            )

    return say


def refusing(field: str, reason: str, then: StreamScript = grow) -> StreamScript:
    """Refuses what asks for a field, and does the rest."""
    told = status(
        code_pb2.INVALID_ARGUMENT,
        f"{field} is true",
        cause(reason),
        bad_field(field, f"{field} is true"),
    )

    def refuse(requests: Requests, context: grpc.ServicerContext) -> Responses:
        request = next(requests)
        if getattr(request, field):
            return iter((refusal(request, told),))
        return then(iter((request,)), context)

    return refuse


class Sides:
    """The words of the text, and those of its translation."""

    def __init__(self, visited: Visit) -> None:
        self.page = visited.page
        self.source = self.page.locator("#source-words")
        self.target = self.page.locator("#target-words")

    def word(self, side: Locator, text: str) -> Locator:
        return side.get_by_role("option", name=re.compile(f"^{text} stands for "))

    def marked(self, name: str = "stands") -> list[str]:
        return self.page.locator(f".words .{name}").all_text_contents()


@pytest.fixture
def sides(sized: Visit, growing: GrowingServer) -> Iterator[Sides]:
    growing.script = saying(segments=SENTENCES)
    sized.text.fill(SOURCE)
    shown = Sides(sized)
    expect(shown.source).to_be_visible()
    yield shown
    assert sized.overflow() <= 0
    assert sized.complaints == []


def test_a_word_that_is_pointed_at_marks_what_it_stands_for(sides: Sides) -> None:
    assert sides.source.text_content() == SOURCE
    assert sides.target.text_content() == TARGET
    sides.word(sides.target, "bis").hover()
    assert sides.marked() == ["see", "you"]
    opacities = [
        each.evaluate("each => each.style.getPropertyValue('--weight')")
        for each in sides.page.locator(".words .stands").all()
    ]
    assert opacities == ["75%", "25%"]
    expect(sides.page.locator("#stands")).to_have_text("bis stands for see (75%), you (25%)")
    sides.word(sides.source, "go").hover()
    assert (sides.marked(), sides.marked("chosen")) == (["gehe"], ["go"])
    sides.page.locator("h1").hover()
    assert sides.marked() == []


def test_places_after_an_emoji_are_code_points(sides: Sides) -> None:
    words = [option.text_content() for option in sides.source.get_by_role("option").all()]
    assert words == ["😀", "see", "you", "I", "go"]
    sides.word(sides.source, "😀").hover()
    assert sides.marked() == ["👍"]


def test_keys_walk_along_the_words_and_over_to_what_they_stand_for(sides: Sides) -> None:
    keyboard = sides.page.keyboard
    sides.page.get_by_role("button", name="Copy").focus()
    keyboard.press("Tab")
    expect(sides.word(sides.source, "😀")).to_be_focused()
    keyboard.press("ArrowRight")
    expect(sides.word(sides.source, "see")).to_be_focused()
    expect(sides.word(sides.source, "see")).to_have_attribute("aria-selected", "true")
    assert sides.marked() == ["bis"]
    keyboard.press("ArrowDown")
    expect(sides.word(sides.target, "bis")).to_be_focused()
    assert sides.marked() == ["see", "you"]
    keyboard.press("End")
    expect(sides.word(sides.target, "gehe")).to_be_focused()
    keyboard.press("ArrowRight")  # there is none
    keyboard.press("ArrowLeft")
    expect(sides.word(sides.target, "Ich")).to_be_focused()
    assert sides.page.locator(".words [tabindex='0']").count() == 2
    keyboard.press("Shift+Tab")
    expect(sides.word(sides.source, "see")).to_be_focused()
    assert sides.word(sides.source, "you").get_attribute("aria-label") == (
        "you stands for bald (50%), bis (25%)"
    )


def test_the_sentence_that_is_pointed_at_is_marked_in_both_texts(sides: Sides) -> None:
    sides.word(sides.target, "Ich").hover()
    assert sides.marked("here") == ["I go.", "Ich gehe."]
    sides.source.locator(".sentence").first.hover()
    assert sides.marked("here") == ["😀 see you.", "👍 bis bald."]


def test_a_model_without_alignment_is_asked_without_and_that_is_said(
    visited: Visit, growing: GrowingServer
) -> None:
    asked: list[pb.StreamTranslateTextRequest] = []
    plain = saying(segments=SENTENCES, asked=asked)
    growing.script = refusing("return_alignment", "NO_ATTENTION_GRAPH", plain)
    visited.text.fill(SOURCE)
    expect(visited.translation).to_have_text(TARGET)
    expect(visited.page.locator("#unaligned")).to_have_text(re.compile("^Words are not aligned: "))
    expect(visited.page.get_by_role("alert")).to_be_empty()
    sides = Sides(visited)
    expect(sides.source.get_by_role("option")).to_have_text(["😀 see you.", "I go."])
    sides.source.get_by_role("option").last.hover()
    assert sides.marked() == ["Ich gehe."]

    def note(requests: Requests, context: grpc.ServicerContext) -> Responses:
        asked.append(next(requests))
        return grow(iter(asked[-1:]), context)

    growing.script = note
    visited.text.fill("good")
    expect(visited.translation).to_have_text("GOOD")
    assert [request.return_alignment for request in asked] == [False, False]
    expect(sides.source).to_be_hidden()


def test_warnings_are_listed_and_go_with_their_translation(
    sized: Visit, growing: GrowingServer
) -> None:
    growing.script = saying(
        warnings=[pb.Warning(reason="SENTENCE_SPLIT", message="1 sentence is long")]
    )
    sized.text.fill(SOURCE)
    warnings = sized.page.locator("#warnings li")
    expect(warnings).to_have_text(["1 sentence is long SENTENCE_SPLIT"])
    assert sized.overflow() <= 0
    growing.script = grow
    sized.text.fill("good")
    expect(sized.translation).to_have_text("GOOD")
    expect(warnings).to_have_count(0)


def test_attention_is_asked_for_once_it_is_looked_at(sized: Visit, growing: GrowingServer) -> None:
    asked: list[pb.StreamTranslateTextRequest] = []
    growing.script = saying(attention=ATTENTION, asked=asked)
    sized.text.fill(SOURCE)
    expect(sized.translation).to_have_text(TARGET)
    assert [request.return_attention for request in asked] == [False]
    page = sized.page
    page.get_by_text("Attention", exact=True).click()
    drawing = page.locator("#heat-map").get_by_role("img")
    expect(drawing).to_have_attribute(
        "aria-label",
        "Cross-attention, layer 1, mean of all heads. Most: ▁A to ▁a 50%, ▁B to ▁b 50%",
    )
    expect(drawing.locator(".cell")).to_have_count(4)
    page.get_by_role("combobox", name="Head").select_option("2")
    expect(drawing).to_have_attribute("aria-label", re.compile("▁A to ▁b 100%, ▁B to </s> 100%$"))
    page.get_by_role("combobox", name="Kind").select_option("Encoder self-attention")
    page.get_by_role("combobox", name="Layer").select_option("2")
    expect(drawing).to_have_attribute("aria-label", re.compile("^Encoder self-attention, layer 2"))
    page.get_by_role("combobox", name="Kind").select_option("Decoder self-attention")
    expect(drawing).to_have_attribute("aria-label", re.compile("head 2. Most: ▁A to ▁A .*▁B to ⟨"))
    assert [request.return_attention for request in asked] == [False, True]
    assert not asked[-1].return_alignment
    assert asked[-1].options.num_hypotheses == 0
    assert sized.overflow() <= 0
    assert sized.complaints == []


@pytest.mark.parametrize(
    ("script", "told"),
    [
        (refusing("return_attention", "ATTENTION_TOO_LARGE"), "is true · ATTENTION_TOO_LARGE"),
        (saying(segments=SENTENCES), "split into 2 sentences"),
    ],
    ids=["refused", "split"],
)
def test_why_there_is_no_attention_is_said_where_it_would_be(
    visited: Visit, growing: GrowingServer, script: StreamScript, told: str
) -> None:
    growing.script = script
    visited.text.fill(SOURCE)
    visited.page.get_by_text("Attention", exact=True).click()
    expect(visited.page.locator("#attention-told")).to_contain_text(told)
    expect(visited.page.locator("#heat-map")).to_be_hidden()
    expect(visited.page.get_by_role("alert")).to_be_empty()
    assert visited.translation.text_content()


@pytest.mark.parametrize(("width", "scheme"), [(NARROW, "light"), (WIDE, "dark")])
def test_axe_finds_nothing_where_words_are_marked(
    browser: Browser, address: str, growing: GrowingServer, width: int, scheme: str
) -> None:
    warnings = [pb.Warning(reason="SENTENCE_SPLIT", message="1 sentence is long")]
    for visited in visit(browser, address, width, color_scheme=scheme):
        for segments in (SENTENCES, []):
            growing.script = saying(segments=segments, warnings=warnings, attention=ATTENTION)
            visited.text.fill(SOURCE)
            sides = Sides(visited)
            expect(sides.source).to_be_visible()
            if not segments:
                visited.page.get_by_text("Attention", exact=True).click()
                expect(visited.page.locator("#heat-map svg")).to_be_visible()
            sides.word(sides.target, "bis").hover()
            found = Axe().run(visited.page)
            assert found.violations_count == 0, found.generate_report()
            assert visited.overflow() <= 0
            visited.text.fill("")
            expect(sides.source).to_be_hidden()
