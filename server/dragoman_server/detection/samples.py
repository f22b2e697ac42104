"""What is looked at of a text: so much of it, however long it is.

Knows strings. Does not know languages.
"""

SAMPLE_LENGTH = 110
"""Code points of a part. Three parts with the spaces between are at most 1,000 bytes in all scripts
of the Basic Multilingual Plane, which is what the library looks at."""

WHOLE_LENGTH = 3 * SAMPLE_LENGTH
"""Code points of a text that is looked at as a whole."""


def sample(text: str) -> str:
    """Returns a short text, or the beginning, the middle and the end of a long one."""
    if len(text) <= WHOLE_LENGTH:
        return text
    middle = (len(text) - SAMPLE_LENGTH) // 2
    parts = (
        text[:SAMPLE_LENGTH],
        text[middle : middle + SAMPLE_LENGTH],
        text[-SAMPLE_LENGTH:],
    )
    return " ".join(parts)


def has_letters(text: str) -> bool:
    """Whether there are letters in what is looked at: a text without any is in no language."""
    return any(map(str.isalpha, sample(text)))
