"""Whether a translation is the source again, or nearly.

Knows words. Names, numbers and addresses stay as they are in every translation, and count for
nothing: ordinary words are those in small letters, or all where nothing is.
"""

import re
from collections import Counter
from collections.abc import Iterator

_ALONE = "\u2e80-\u31ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
"""Scripts whose characters are words: Chinese and Japanese."""

_WORDS = re.compile(rf"[{_ALONE}]|(?<![\w./:@=&#-])[^\W\d_{_ALONE}]++(?![\d_]|[./:@=&#-]\w)")
"""Words that are no part of an address, a number or a name with marks in it."""

LEAST_WORDS = 3
"""Different ordinary words of a source that is looked at."""

LEAST_SHARE = 0.75
"""Of them that the translation has too. Of 6,000 human translations from English into German none
has more than two thirds."""


def echoed(target: str, source: str) -> bool:
    """Whether a translation has nearly all the ordinary words of its source."""
    ordinary = list(_ordinary(source))
    if len(set(ordinary)) < LEAST_WORDS:
        return False
    has = Counter(_WORDS.findall(target.casefold()))
    said = 0
    for word in ordinary:
        if has[word] > 0:
            has[word] -= 1
            said += 1
    return said >= LEAST_SHARE * len(ordinary)


def _ordinary(text: str) -> Iterator[str]:
    has_small = any(map(str.islower, text))
    for word in _WORDS.findall(text):
        if not has_small or word == word.lower():
            yield word.casefold()
