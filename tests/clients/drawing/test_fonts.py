from matplotlib import font_manager

from dragoman.drawing.fonts import families


def test_plain_text_needs_no_other_font() -> None:
    assert families(["Where is the station? ▁Straße · Ω я \u200b"]) == ["DejaVu Sans", "sans-serif"]


def test_what_no_font_has_is_left_out_of_account() -> None:
    assert families(["\U0001fbff\U000e0100"])[0] == "DejaVu Sans"


def test_fonts_are_looked_for_where_a_character_is_missing() -> None:
    found = families(["日"])
    has_it = [
        font.name
        for font in font_manager.fontManager.ttflist
        if ord("日") in font_manager.get_font(font.fname).get_charmap()
        and not font.name.startswith("Last Resort")
    ]
    assert (len(found) == 3) == bool(has_it)
    assert found[0] == "DejaVu Sans"
    assert found[-1] == "sans-serif"
