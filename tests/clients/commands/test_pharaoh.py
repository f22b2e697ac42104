from dragoman.commands.pharaoh import pharaoh
from dragoman.results import AlignmentLink, FinishReason, Translation


def translation(text: str, *links: tuple[int, int, bool]) -> Translation:
    """With a word of one character at each place."""
    aligned = tuple(
        AlignmentLink(source, source + 1, target, target + 1, 0.5, is_hard)
        for source, target, is_hard in links
    )
    return Translation(text, FinishReason.STOP, None, 3, 3, "tiny", alignment=aligned)


def test_words_are_counted_between_spaces_and_soft_links_left_out() -> None:
    # "a, b" has the words "a," and "b"
    said = translation("x  y!", (0, 3, True), (1, 4, True), (3, 0, True), (3, 3, False))
    assert pharaoh("a, b", said) == "0-1 1-0"


def test_a_translation_without_links_has_an_empty_line() -> None:
    assert pharaoh("a", translation("b")) == ""
    assert pharaoh("", translation("")) == ""
