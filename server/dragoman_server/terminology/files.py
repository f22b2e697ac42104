"""Reads glossaries from files: tables of text (TSV) and TermBase eXchange (TBX, ISO 30042).

Knows both formats; the door to defusedxml. Does not know where files are.
"""

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from dragoman_server.terminology.glossary import Glossary
from dragoman_server.terminology.terms import MAX_TERM_LENGTH

MOST_ENTRIES = 100_000
"""Of a file."""

_CODE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{1,8})*")
_CONCEPTS = ("termEntry", "conceptEntry")
_LANGUAGE_SECTIONS = ("langSet", "langSec")
_LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"


def read_tsv(content: bytes) -> Glossary:
    """Reads a table: a line of language codes, then a line for each entry, with tabs between.

    Raises:
        ValueError: It is no such table.
    """
    text = content.decode("utf-8-sig")
    rows = csv.reader(io.StringIO(text, newline=""), delimiter="\t", quoting=csv.QUOTE_NONE)
    languages = [code.strip() for code in next(rows, [])]
    _check_languages(languages)
    entries = []
    for number, row in enumerate(rows, 2):
        if not any(map(str.strip, row)):
            continue
        if len(row) != len(languages):
            raise ValueError(f"line {number} has {len(row)} columns, the first {len(languages)}")
        entries.append(_checked([term.strip() for term in row], f"line {number}"))
    return Glossary(languages, _few(entries))


def read_tbx(content: bytes) -> Glossary:
    """Reads the terms of each concept, of each language the first one; nothing else is read.

    Raises:
        ValueError: It is no TBX, or declares entities.
    """
    try:
        root = fromstring(content, forbid_entities=True, forbid_external=True)
    except (ParseError, DefusedXmlException) as error:
        raise ValueError(f"no safe XML: {error}") from None
    concepts = [_terms(each) for each in root.iter() if _name(each) in _CONCEPTS]
    if not concepts:
        raise ValueError("no termEntry or conceptEntry: it is no TBX")
    languages = sorted({language for terms in concepts for language in terms})
    _check_languages(languages)
    entries = [
        _checked([terms.get(language, "") for language in languages], f"entry {number}")
        for number, terms in enumerate(concepts, 1)
    ]
    return Glossary(languages, _few(entries))


READERS: Mapping[str, Callable[[bytes], Glossary]] = {".tsv": read_tsv, ".tbx": read_tbx}
"""By endings of files."""


def _terms(concept: Element) -> dict[str, str]:
    terms: dict[str, str] = {}
    for section in concept.iter():
        if _name(section) not in _LANGUAGE_SECTIONS:
            continue
        language = section.get(_LANGUAGE, "")
        for term in _named(section, "term"):
            terms.setdefault(language, " ".join("".join(term.itertext()).split()))
    return terms


def _named(element: Element, name: str) -> Iterator[Element]:
    return (each for each in element.iter() if _name(each) == name)


def _name(element: Element) -> str:
    return element.tag.rpartition("}")[2]


def _check_languages(languages: list[str]) -> None:
    wrong = [code for code in languages if not _CODE.fullmatch(code)]
    if wrong:
        raise ValueError(f"{wrong[0]!r} is no language code")
    if len({code.lower() for code in languages}) < max(2, len(languages)):
        raise ValueError("there must be two languages or more, and none twice")


def _checked(terms: list[str], place: str) -> list[str]:
    for term in terms:
        if len(term) > MAX_TERM_LENGTH:
            raise ValueError(
                f"{place} has a term of {len(term)} code points; allowed: {MAX_TERM_LENGTH}"
            )
    return terms


def _few(entries: list[list[str]]) -> list[list[str]]:
    if len(entries) > MOST_ENTRIES:
        raise ValueError(f"{len(entries):,} entries; allowed: {MOST_ENTRIES:,}")
    return entries
