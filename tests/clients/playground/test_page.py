"""The page in a browser: Chromium without a window, where the system has one; else skipped."""

import re

import grpc
import pytest
from axe_playwright_python.sync_playwright import Axe
from google.rpc import code_pb2  # type: ignore[import-untyped]
from playwright.sync_api import Browser, expect

from dragoman.v1 import translation_pb2 as pb
from tests.clients.fake_server import Requests, Responses, bad_field, cause, refusal, status
from tests.clients.playground.served import GrowingServer, Held, grow, listening
from tests.clients.playground.visits import NARROW, WIDE, Visit, visit


def test_typing_gives_a_translation_that_grows(
    sized: Visit, growing: GrowingServer, address: str
) -> None:
    growing.script = held = Held()
    sized.text.press_sequentially("good morning all")
    expect(sized.translation).to_have_text("THE BEGINNING")
    expect(sized.translation).to_have_attribute("aria-busy", "true")
    held.let_go()
    expect(sized.translation).to_have_text("GOOD MORNING ALL")
    expect(sized.translation).to_have_attribute("aria-busy", "false")
    expect(sized.page.locator("#figures")).to_contain_text(re.compile(r"First words\d+ ms"))
    expect(sized.page.locator("#figures")).to_contain_text("4 → 3")
    sized.page.get_by_text("Options").click()
    sized.page.get_by_text("API key", exact=True).click()
    assert sized.overflow() <= 0
    assert sized.complaints == []
    assert all(url.startswith(f"http://{address}/") for url in sized.requests)


def test_a_long_word_and_many_lines_and_tokens_fit(sized: Visit) -> None:
    sized.text.fill("x" * 300 + "\n" * 40 + "end " * 500)
    expect(sized.page.locator("#tokens i")).to_have_count(501)
    assert sized.overflow() <= 0


def test_typing_on_gives_the_earlier_text_up(visited: Visit, growing: GrowingServer) -> None:
    growing.script = held = Held()
    visited.text.fill("good")
    expect(visited.translation).to_have_text("THE BEGINNING")
    visited.text.press_sequentially(" evening")
    assert held.left.wait(60)
    held.let_go()
    expect(visited.translation).to_have_text("GOOD EVENING")
    visited.text.fill(" ")
    expect(visited.translation).to_have_text("")
    assert visited.complaints == []


def test_alternatives_have_scores_and_what_differs_is_marked(visited: Visit) -> None:
    visited.text.fill("good morning")
    alternatives = visited.page.locator("#alternatives li")
    expect(alternatives).to_have_count(2)
    second, third = alternatives.all()
    expect(second).to_contain_text("GOOD MORNING 2")
    expect(second.locator("mark")).to_have_text(["2"])
    expect(third.locator(".score")).to_have_text("\N{MINUS SIGN}0.75")
    strip = visited.page.locator("#tokens").get_by_role("img")
    expect(strip).to_have_attribute("aria-label", re.compile("3 tokens: 41% on average, 14% at"))
    expect(strip.locator("i.poor")).to_have_count(1)
    visited.page.get_by_text("Options").click()
    visited.page.get_by_label("Probability of each token").uncheck()
    visited.page.get_by_label("Hypotheses").fill("1")
    expect(visited.page.locator("#alternatives")).to_be_hidden()
    expect(strip).to_have_count(0)


def test_options_reach_the_server(visited: Visit, growing: GrowingServer) -> None:
    asked: list[pb.StreamTranslateTextRequest] = []

    def note(requests: Requests, context: grpc.ServicerContext) -> Responses:
        asked.append(next(requests))
        return grow(iter(asked[-1:]), context)

    growing.streams += [note, note]
    visited.page.get_by_text("Options").click()
    visited.page.get_by_label("Beam size").fill("7")
    visited.page.get_by_label("Length penalty").fill("0.5")
    visited.page.get_by_label("Begins with").fill("Also")
    visited.text.fill("good")
    expect(visited.translation).to_have_text("GOOD")
    visited.page.get_by_label("Sampling").check()
    visited.page.get_by_label("Seed").fill("7")
    expect(visited.page.locator("#alternatives")).to_be_hidden()
    beams, drawn = asked
    assert (beams.source_language_code, beams.target_language_code) == ("en", "de")
    assert (beams.options.beam_size, beams.options.length_penalty) == (7, 0.5)
    assert (beams.options.target_prefix, beams.options.HasField("seed")) == ("Also", False)
    assert (drawn.options.sampling_topk, drawn.options.seed) == (10, 7)
    assert not drawn.options.HasField("beam_size")


def test_models_and_languages_are_chosen_by_name_and_swapped(
    browser: Browser, growing: GrowingServer, address: str
) -> None:
    growing.others = [
        pb.Model(
            name="back",
            precision="int8",
            provider="cpu",
            source_language_codes=["de", "zh-Hant"],
            target_language_codes=["en"],
            limits=growing.limits,
        )
    ]
    for visited in visit(browser, address):
        source, target, model = map(visited.page.get_by_label, ("From", "Into", "Model"))
        expect(model).to_have_text(re.compile("Any that fitsback · int8 on cpufake · int8 on cpu"))
        expect(source.locator("option")).to_contain_text(
            ["English (en)", "German (de)", "Traditional Chinese (zh-Hant)"]
        )
        source.select_option("en")
        target.select_option("de")
        visited.text.fill("good")
        expect(visited.translation).to_have_text("GOOD")
        visited.page.get_by_role("button", name="Swap languages").click()
        expect(source).to_have_value("de")
        expect(target).to_have_value("en")
        expect(visited.text).to_have_value("GOOD")
        model.select_option("back")
        expect(target.locator("option")).to_have_text(["English (en)"])
        expect(visited.page.get_by_role("button", name="Swap languages")).to_be_disabled()


def test_an_error_is_shown_as_the_server_says_it_and_its_field_marked(
    visited: Visit, growing: GrowingServer
) -> None:
    told = status(
        code_pb2.INVALID_ARGUMENT,
        "options.beam_size is 99; allowed: 1 to 8",
        cause("OPTION_OUT_OF_RANGE"),
        bad_field("options.beam_size", "options.beam_size is 99; allowed: 1 to 8"),
    )
    growing.streams.append(lambda requests, _: iter((refusal(next(requests), told),)))
    visited.text.fill("good")
    alert = visited.page.get_by_role("alert")
    expect(alert).to_contain_text("options.beam_size is 99; allowed: 1 to 8")
    expect(alert).to_contain_text("INVALID_ARGUMENT · OPTION_OUT_OF_RANGE")
    beam_size = visited.page.get_by_label("Beam size")
    expect(beam_size).to_have_attribute("aria-invalid", "true")
    visited.text.fill("better")
    expect(visited.translation).to_have_text("BETTER")
    expect(alert).to_be_empty()
    expect(beam_size).not_to_have_attribute("aria-invalid", "true")
    assert visited.complaints == []


def test_a_server_that_goes_away_is_told_and_what_was_typed_translated_when_it_is_back(
    browser: Browser,
) -> None:
    with GrowingServer() as first:
        port = first.port
        with listening(first.target) as address:
            for visited in visit(browser, address):
                first.stop()
                visited.text.fill("good morning")
                state = visited.page.locator("#server")
                expect(state).to_contain_text("The server is away")
                expect(visited.page.get_by_role("alert")).to_contain_text("UNREACHABLE")
                expect(state).to_have_attribute("data-state", "away")
                with GrowingServer(port=port):
                    expect(visited.translation).to_have_text("GOOD MORNING")
                    expect(state).to_have_attribute("data-state", "serving")
                    expect(visited.page.get_by_role("alert")).to_be_empty()
                assert visited.complaints == []


def test_a_key_is_asked_for_and_kept_in_this_tab_alone(
    visited: Visit, growing: GrowingServer
) -> None:
    told = status(code_pb2.UNAUTHENTICATED, "no good credential", cause("CREDENTIALS_REFUSED"))
    growing.streams.append(lambda requests, _: iter((refusal(next(requests), told),)))
    key = visited.page.get_by_label("Key or token")
    expect(key).to_be_hidden()
    visited.text.fill("good")
    expect(visited.page.get_by_role("alert")).to_contain_text("CREDENTIALS_REFUSED")
    key.fill("s3cret")
    key.press("Tab")
    expect(visited.translation).to_have_text("GOOD")
    assert growing.keys[-1] == "Bearer s3cret"
    assert visited.page.evaluate("Object.values(sessionStorage)") == ["s3cret"]
    assert visited.page.evaluate("[localStorage.length, document.cookie]") == [0, ""]
    assert "s3cret" not in "".join([*visited.requests, *visited.complaints])


def test_what_is_typed_never_becomes_part_of_the_page(visited: Visit) -> None:
    text = "<img src=x onerror=alert(1)><b>bold</b> \u202e&amp;"
    visited.text.fill(text)
    expect(visited.translation).to_have_text(text.upper())
    assert visited.page.locator("#translation *, #alternatives b, #alternatives img").count() == 0
    assert visited.complaints == []


def test_all_of_it_works_by_keyboard(visited: Visit, growing: GrowingServer) -> None:
    expect(visited.text).to_be_focused()
    keyboard = visited.page.keyboard
    growing.script = held = Held()
    keyboard.type("good")
    keyboard.press("Control+Enter")
    expect(visited.translation).to_have_text("THE BEGINNING")
    held.let_go()
    expect(visited.translation).to_have_text("GOOD")
    keyboard.press("Tab")
    expect(visited.page.get_by_role("button", name="Copy")).to_be_focused()
    keyboard.press("Tab")  # to what is told of attention, which stays closed
    keyboard.press("Tab")
    keyboard.press("Enter")
    keyboard.press("Tab")
    expect(visited.page.get_by_label("Beam search: the")).to_be_focused()
    keyboard.press("ArrowDown")
    expect(visited.page.get_by_label("Temperature")).to_be_visible()
    keyboard.press("Tab")
    expect(visited.page.get_by_label("Top k")).to_be_focused()
    outline = "getComputedStyle(document.activeElement).outlineStyle"
    assert visited.page.evaluate(outline) == "solid"
    keyboard.press("Enter")  # which does not leave the page
    expect(visited.translation).to_have_text("GOOD")


def test_a_screen_reader_hears_the_whole_translation_once(visited: Visit) -> None:
    visited.page.evaluate(
        """() => {
            window.heard = [];
            const announced = document.getElementById("announced");
            new MutationObserver(() => heard.push(announced.textContent)).observe(
                announced, { childList: true, characterData: true, subtree: true });
        }"""
    )
    visited.text.fill("one two three four")
    expect(visited.page.locator("#announced")).to_have_text("ONE TWO THREE FOUR")
    assert visited.page.evaluate("heard") == ["ONE TWO THREE FOUR"]
    assert visited.page.locator("#translation").get_attribute("aria-live") is None


@pytest.mark.parametrize(("width", "scheme"), [(NARROW, "dark"), (WIDE, "light")])
def test_axe_finds_nothing_that_keeps_people_out(
    browser: Browser, address: str, growing: GrowingServer, width: int, scheme: str
) -> None:
    told = status(code_pb2.INVALID_ARGUMENT, "wrong", cause("OPTION_OUT_OF_RANGE"))
    for visited in visit(browser, address, width, color_scheme=scheme):
        visited.page.get_by_text("Options").click()
        visited.page.get_by_text("API key", exact=True).click()
        visited.text.fill("good morning")
        expect(visited.translation).to_have_text("GOOD MORNING")
        found = Axe().run(visited.page)
        assert found.violations_count == 0, found.generate_report()
        growing.streams.append(lambda requests, _: iter((refusal(next(requests), told),)))
        visited.text.fill("wrong")
        expect(visited.page.get_by_role("alert")).to_contain_text("wrong")
        found = Axe().run(visited.page)
        assert found.violations_count == 0, found.generate_report()


def test_nothing_moves_where_that_is_asked_for(
    browser: Browser, address: str, growing: GrowingServer
) -> None:
    growing.script = held = Held()
    for visited in visit(browser, address, reduced_motion="reduce"):
        visited.text.fill("good")
        expect(visited.translation).to_have_attribute("data-state", "growing")
        style = "getComputedStyle(document.getElementById('translation'), '::after')"
        assert visited.page.evaluate(f"{style}.animationName") == "none"
        held.let_go()
