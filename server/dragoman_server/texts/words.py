"""Where words end, in scripts with spaces between them and in those without."""

_SPACELESS = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x1000, 0x109F),  # Myanmar
    (0x1780, 0x17FF),  # Khmer
    (0x2E80, 0x9FFF),  # radicals, kana, ideographs
    (0xA960, 0xA97F),  # Hangul: particles follow a noun without a space
    (0xAC00, 0xD7FF),
    (0xF900, 0xFAFF),
    (0xFF66, 0xFF9F),
    (0x20000, 0x3FFFF),
)
"""Code points of scripts in which a word need not end where the next one begins."""


def is_spaceless(character: str) -> bool:
    """Whether a character is of a script without spaces between words."""
    point = ord(character)
    return point >= _SPACELESS[0][0] and any(first <= point <= last for first, last in _SPACELESS)


def is_joined(left: str, right: str) -> bool:
    """Whether a word that ends with one character goes on with the other; either may be empty."""
    if not left or not right or not (_is_of_word(left) and _is_of_word(right)):
        return False
    return not (is_spaceless(left) or is_spaceless(right))


def is_whole(text: str, start: int, end: int) -> bool:
    """Whether no word begins before `start` and goes on behind, nor one at `end`."""
    return not (
        is_joined(text[start - 1 : start] if start else "", text[start : start + 1])
        or is_joined(text[end - 1 : end], text[end : end + 1])
    )


def _is_of_word(character: str) -> bool:
    return character.isalnum() or character == "_"
