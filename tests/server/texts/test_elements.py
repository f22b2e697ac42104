import pytest

from dragoman_server.texts import inside_element


def inside(text: str) -> str | None:
    span = inside_element(text)
    return None if span is None else text[span.begin : span.end]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<b>Save</b>", "Save"),
        (" <a href='x>y'>\n <i>Save it</i> </a>\n", "Save it"),
        ("<b>Save <i>it</i> <b>now</b></b>", "Save <i>it</i> <b>now</b>"),
        ("<x id='1'><br/>Save</x>", "<br/>Save"),
        ("<b>Save <br> it</b>", "Save <br> it"),
        ("<b>Save {name}</b>", "Save {name}"),
    ],
)
def test_of_an_element_it_is_what_is_in_it(text: str, expected: str) -> None:
    assert inside(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "Save",
        "<b>Save</b> it",
        "<b>Open</b> the <b>file</b>",
        "<b>Save</i>",
        "<b>Save",
        "Save</b>",
        "<b></b>",
        "<b/>",
        "<b><i>Save</b></i>",
        "</b>Save<b>",
    ],
)
def test_what_is_no_element_has_nothing_in_it(text: str) -> None:
    assert inside(text) is None


def test_what_is_in_many_elements_is_found() -> None:
    assert inside("<b>" * 4000 + "Save" + "</b>" * 4000) == "Save"
