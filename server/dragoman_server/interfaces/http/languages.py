"""The languages that models translate, by their codes and English names.

The door to language_data, which langcodes reads. Knows models as they are listed.
"""

import functools
from collections.abc import Iterable

import langcodes
from langcodes.tag_parser import LanguageTagError

from dragoman.v1.translation_pb2 import Model


@functools.lru_cache(maxsize=4096)
def name_of(code: str) -> str:
    """Returns the English name of a language; its code where it has none."""
    try:
        return langcodes.Language.get(code).display_name()
    except LanguageTagError:
        return code


def targets_by_source(models: Iterable[Model]) -> dict[str, list[str]]:
    """Returns into what each language is translated, by any model; sorted."""
    targets: dict[str, set[str]] = {}
    for model in models:
        for source in model.source_language_codes:
            targets.setdefault(source, set()).update(model.target_language_codes)
    return {source: sorted(targets[source] - {source}) for source in sorted(targets)}
