"""Where words end."""

from dragoman_server.texts import is_whole


def whole(text: str, part: str) -> bool:
    start = text.index(part)
    return is_whole(text, start, start + len(part))


def test_a_word_is_whole_between_spaces_and_punctuation() -> None:
    for text in ("Haus", "ein Haus.", "(Haus)", "«Haus»", "Haus-Tür"):
        assert whole(text, "Haus")


def test_a_part_of_a_word_is_not() -> None:
    for text in ("Haustür", "einHaus", "Haus2", "_Haus"):
        assert not whole(text, "Haus")


def test_where_words_have_no_spaces_between_them_any_part_is() -> None:
    for text, part in (
        ("我住在北京市", "北京"),
        ("東京へ行く", "東京"),
        ("서울은 크다", "서울"),
        ("ฉันรักเธอ", "รัก"),
    ):
        assert whole(text, part)
