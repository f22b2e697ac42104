"""Alignments as aligners write them, `0-0 1-2`: numbers of words between spaces, from 0.

Knows links. Does not know how they come about.
"""

import re

from dragoman.results import Translation


def pharaoh(text: str, translation: Translation) -> str:
    """Returns the hard links of a text and its translation, in the order of the text's words."""
    sources, targets = _words(text), _words(translation.translated_text)
    links = {
        (sources[link.source_begin], targets[link.target_begin])
        for link in translation.alignment
        if link.is_hard
    }
    return " ".join(f"{source}-{target}" for source, target in sorted(links))


def _words(text: str) -> dict[int, int]:
    """The number of the word that each code point is of."""
    return {
        place: number
        for number, word in enumerate(re.finditer(r"\S+", text))
        for place in range(*word.span())
    }
