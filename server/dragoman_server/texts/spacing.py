"""What stands between the translations of two sentences.

What the source has there is kept: line breaks, several spaces, a tab. But Chinese and Japanese have
no space between sentences: where a source has none the translation gets one, unless it is in one of
these languages, and a single one is left out of a translation into them. Knows languages by their
primary subtags.
"""

import unicodedata

SPACELESS = frozenset({"cdo", "cjy", "gan", "hak", "hsn", "ja", "lzh", "nan", "wuu", "yue", "zh"})
"""Languages without spaces between sentences: Chinese ones and Japanese. Thai, Lao, Khmer and
Burmese have none between words, but have them there."""

WIDE = frozenset("WF")


class Spacing:
    """Of translations into one language.

    Args:
        language: Its primary subtag.
    """

    def __init__(self, language: str) -> None:
        self._is_spaceless = language in SPACELESS

    def between(self, gap: str, before: str) -> str:
        """Returns what stands between two sentences of the translation.

        Args:
            gap: What the source has there.
            before: The last character of the source before it.
        """
        if self._is_spaceless:
            return "" if gap == " " else gap
        if not gap and unicodedata.east_asian_width(before) in WIDE:
            return " "
        return gap
