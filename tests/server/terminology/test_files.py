"""Glossaries are read from tables and from TBX; what is wrong is told."""

import pytest

from dragoman_server.terminology import Entry, Pair
from dragoman_server.terminology.files import read_tbx, read_tsv

TBX = b"""<?xml version="1.0"?>
<!DOCTYPE martif SYSTEM "TBXcoreStructV02.dtd">
<martif type="TBX" xml:lang="en"><text><body>
 <termEntry id="1">
  <langSet xml:lang="en"><tig><term>house</term></tig><tig><term>home</term></tig></langSet>
  <langSet xml:lang="de"><tig><term>Haus</term></tig></langSet>
 </termEntry>
 <termEntry id="2"><langSet xml:lang="en"><ntig><termGrp><term>New
   York</term></termGrp></ntig></langSet></termEntry>
</body></text></martif>"""

TBX3 = b"""<tbx xmlns="urn:iso:std:iso:30042:ed-2" type="TBX-Basic" xml:lang="en"><text><body>
 <conceptEntry id="1"><langSec xml:lang="en-US"><termSec><term>color</term></termSec></langSec>
 <langSec xml:lang="de"><termSec><term>Farbe</term></termSec></langSec></conceptEntry>
</body></text></tbx>"""


def test_a_table_has_a_column_for_each_language() -> None:
    table = b"en\tde\tfr\nhouse\tHaus\tmaison\n\nnew \t\tnouveau\n"
    glossary = read_tsv(table)
    assert glossary.entries(Pair("en", "de")) == [Entry("house", "Haus")]
    assert glossary.entries(Pair("fr", "en")) == [Entry("maison", "house"), Entry("nouveau", "new")]
    assert glossary.entries(Pair("en", "it")) is None


def test_languages_fit_by_their_code_and_else_by_the_language_alone() -> None:
    glossary = read_tsv(b"en-US\tde\tpt-BR\tpt-PT\na\tb\tc\td\n")
    assert glossary.entries(Pair("en", "de-AT")) == [Entry("a", "b")]
    assert glossary.entries(Pair("pt_PT", "en-us")) == [Entry("d", "a")]
    assert glossary.entries(Pair("pt", "en")) is None, "which of both is meant nobody knows"


def test_quotes_are_characters_like_others() -> None:
    assert read_tsv(b'en\tde\n"a\tb"\n').entries(Pair("en", "de")) == [Entry('"a', 'b"')]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "two languages"),
        (b"en\nhouse\n", "two languages"),
        (b"en\ten\na\tb\n", "none twice"),
        (b"source term\ttarget\na\tb\n", "'source term' is no language code"),
        (b"en\tde\na\tb\nc\n", "line 3 has 1 columns, the first 2"),
        (b"en\tde\na\t" + b"b" * 201, "line 2 has a term of 201 code points; allowed: 200"),
        (b"en\tde\n\xff\tb\n", "utf-8"),
    ],
)
def test_a_table_that_is_wrong_is_refused(content: bytes, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        read_tsv(content)


def test_tbx_has_the_first_term_of_each_language() -> None:
    assert read_tbx(TBX).entries(Pair("en", "de")) == [Entry("house", "Haus")]
    assert read_tbx(TBX3).entries(Pair("en", "de")) == [Entry("color", "Farbe")]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"<termEntry", "no safe XML"),
        (b"<a/>", "it is no TBX"),
        (b'<!DOCTYPE a [<!ENTITY x "y">]><a><termEntry>&x;</termEntry></a>', "EntitiesForbidden"),
        (b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>', "EntitiesForbidden"),
    ],
)
def test_tbx_that_is_wrong_or_would_do_harm_is_refused(content: bytes, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        read_tbx(content)
