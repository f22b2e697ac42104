"""Whether a translation is in the letters of its language.

Knows scripts by their codes (ISO 15924) and the names that Unicode gives to letters. Of a script
that it does not know it says nothing.
"""

import functools
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator

_KANA = ("HIRAGANA", "KATAKANA")

SCRIPTS: dict[str, tuple[str, ...]] = {
    "arab": ("ARABIC",),
    "armn": ("ARMENIAN",),
    "beng": ("BENGALI",),
    "cyrl": ("CYRILLIC",),
    "deva": ("DEVANAGARI",),
    "ethi": ("ETHIOPIC",),
    "geor": ("GEORGIAN",),
    "grek": ("GREEK",),
    "gujr": ("GUJARATI",),
    "guru": ("GURMUKHI",),
    "hani": ("CJK",),
    "hans": ("CJK",),
    "hant": ("CJK", "BOPOMOFO"),
    "hebr": ("HEBREW",),
    "jpan": ("CJK", *_KANA),
    "khmr": ("KHMER",),
    "knda": ("KANNADA",),
    "kore": ("HANGUL", "CJK"),
    "laoo": ("LAO",),
    "latn": ("LATIN",),
    "mlym": ("MALAYALAM",),
    "mymr": ("MYANMAR",),
    "orya": ("ORIYA",),
    "sinh": ("SINHALA",),
    "taml": ("TAMIL",),
    "telu": ("TELUGU",),
    "thai": ("THAI",),
    "tibt": ("TIBETAN",),
}
"""First words of the names of letters, by the script that they are of."""

_OTHERS = re.compile("[^\u0000-\u024f\u1e00-\u1eff\u2000-\u206f\u20a0-\u20cf]")
"""What is neither a Latin letter nor a common mark: most texts have none."""

_KNOWN = frozenset(name for names in SCRIPTS.values() for name in names)

LEAST_FOREIGN = 3
"""Letters of other scripts that are a fault."""

FOREIGN_SHARE, LATIN_SHARE = 0.2, 0.6
"""Of all letters. Of Latin ones more: every language has names and abbreviations in them."""

LEAST_LETTERS = 12
"""Of a translation that has none of its own script."""


def wrong_script(target: str, source: str, script: str) -> str:
    """Returns what is wrong with a translation's letters; empty where nothing is.

    Letters of a script that the source has too are excused, but not where the translation has none
    of its own: only if source and translation are both in Latin letters may that be a name.

    Args:
        target: The translation.
        source: What it is of.
        script: Code of the script that the target's language is written in, in small letters.
    """
    own = SCRIPTS.get(script)
    if own is None or (own == ("LATIN",) and _OTHERS.search(target) is None):
        return ""
    letters, of_source = _scripts(target), _scripts(source)
    total = letters.total()
    if total >= LEAST_LETTERS and not any(letters[name] for name in own):
        is_name = letters["LATIN"] == total and set(of_source) <= {"LATIN"}
        return "" if is_name else f"none of its {total} letters is of the script {script.title()}"
    foreign = Counter({name: n for name, n in letters.items() if name not in (*own, *of_source)})
    for name, count in foreign.most_common(1):
        share = LATIN_SHARE if name == "LATIN" else FOREIGN_SHARE
        if count >= LEAST_FOREIGN and count >= share * total:
            return f"{count} of its {total} letters are {name.title()}, which its source has not"
    return ""


def _scripts(text: str) -> Counter[str]:
    """Counts the letters of a text by scripts, those of unknown ones left out."""
    counts: Counter[str] = Counter()
    for character, times in Counter(text).items():
        for name in _script_of(character):
            counts[name] += times
    return counts


@functools.lru_cache(maxsize=4096)
def _script_of(character: str) -> tuple[str, ...]:
    return tuple(_names(character))


def _names(character: str) -> Iterator[str]:
    if character.isalpha():
        name = unicodedata.name(character, "").split(" ")[0]
        if name in _KNOWN:
            yield name
