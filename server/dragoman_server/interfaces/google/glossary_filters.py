"""What ListGlossaries is asked with: languages, and how many on a page.

Knows Google's `src=en AND tgt=de`. Does not know glossaries but for their languages.
"""

import re
from collections.abc import Callable

from dragoman_server.errors import shorten
from dragoman_server.interfaces.google import messages as google
from dragoman_server.service import wrong_field

PAGE_SIZE, MOST_ON_A_PAGE = 100, 1000

_TERM = re.compile(r"(src|tgt)=([A-Za-z0-9_-]+)")


def read_page_size(asked: int) -> int:
    """Returns how many a page has; raises InvalidArgumentError for a negative number."""
    if asked < 0:
        raise wrong_field(
            "page_size", str(asked), "0, or more", reason="OPTION_OUT_OF_RANGE", verb="is"
        )
    return min(asked, MOST_ON_A_PAGE) or PAGE_SIZE


def read_filter(text: str) -> Callable[[google.Message], bool]:
    """Returns whether a glossary has the languages that a filter says.

    Raises:
        InvalidArgumentError: It says something else.
    """
    terms = text.split(" AND ") if text else []
    found = [_TERM.fullmatch(term.strip()) for term in terms]
    wanted = {term[1]: term[2] for term in found if term is not None}
    if len(wanted) < len(terms):
        allowed = "src=CODE, tgt=CODE, or both with AND between"
        raise wrong_field("filter", shorten(text), allowed, reason="FILTER_MALFORMED", verb="is")

    def fits(glossary: google.Message) -> bool:
        if glossary.WhichOneof("languages") == "language_pair":
            pair = glossary.language_pair
            there = {"src": pair.source_language_code, "tgt": pair.target_language_code}
            return wanted.items() <= there.items()
        return set(wanted.values()) <= set(glossary.language_codes_set.language_codes)

    return fits
