"""Glossaries in files."""

from pathlib import Path

import pytest

from dragoman.glossary import read_glossary


def read(tmp_path: Path, content: str, source: str = "", target: str = "") -> dict[str, str]:
    path = tmp_path / "glossary.tsv"
    path.write_text(content, encoding="utf-8")
    return dict(read_glossary(path, source, target))


TABLE = "\ufeffen-GB\tde\tfr\n house \tHaus\tmaison\n\nroof\t\ttoit\n"


def test_columns_are_found_by_language_and_else_by_place(tmp_path: Path) -> None:
    assert read(tmp_path, TABLE) == {"house": "Haus"}
    assert read(tmp_path, TABLE, "en", "fr") == {"house": "maison", "roof": "toit"}
    assert read(tmp_path, TABLE, "fr_CA", "de-DE") == {"maison": "Haus"}


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "first line must have language codes"),
        ("house\tHaus\n", "first line must have language codes"),
        ("en\tde\na\tb\tc\n", "line 2 has 3 columns, not 2"),
        ("en\tit\n", "has columns for en, it, none for de"),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, content: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        read(tmp_path, content, "en", "de")
