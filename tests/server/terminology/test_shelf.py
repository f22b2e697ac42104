"""A directory of glossaries is followed, and what is wrong in it changes nothing."""

import json
import logging
from pathlib import Path

import pytest

from dragoman_server.errors import ConfigError, NotFoundError
from dragoman_server.monitoring import Reload
from dragoman_server.monitoring.logs import JsonFormatter
from dragoman_server.terminology import Pair, Shelf

EN_DE = Pair("en", "de")


def write(path: Path, target: str) -> None:
    """By renaming, with a time of its own."""
    path.with_suffix(".new").write_text(f"en\tde\nhouse\t{target}\n")
    path.with_suffix(".new").rename(path)


def said(shelf: Shelf, name: str) -> str:
    entries = shelf.find(name).entries(EN_DE)
    assert entries is not None
    return entries[0].target_term


def look(shelf: Shelf) -> Reload | None:
    """Twice: what has just changed may be half written."""
    assert shelf.look() is None
    return shelf.look()


def test_names_and_versions_find_a_glossary(tmp_path: Path) -> None:
    for name in ("legal@9", "legal@10", "plain"):
        write(tmp_path / f"{name}.tsv", name)
    (tmp_path / "README.md").write_text("no glossary")
    shelf = Shelf(tmp_path)
    assert said(shelf, "legal") == "legal@10"
    assert said(shelf, "legal@9") == "legal@9"
    assert said(shelf, "plain") == "plain"
    for name in ("legal@8", "lega", "README"):
        with pytest.raises(NotFoundError, match=r"the server has legal@10, legal@9, plain"):
            shelf.find(name)


def test_what_changes_comes_and_goes_is_followed(tmp_path: Path) -> None:
    write(tmp_path / "a.tsv", "one")
    write(tmp_path / "b.tsv", "two")
    shelf = Shelf(tmp_path)
    assert shelf.look() is None
    write(tmp_path / "a.tsv", "another")
    write(tmp_path / "c.tsv", "three")
    (tmp_path / "b.tsv").unlink()
    assert look(shelf) == Reload("glossaries", "OK")
    assert (said(shelf, "a"), said(shelf, "c")) == ("another", "three")
    with pytest.raises(NotFoundError):
        shelf.find("b")
    assert shelf.generation == 1
    assert shelf.look() is None


def test_a_file_that_is_wrong_leaves_what_it_was(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(tmp_path / "a.tsv", "one")
    write(tmp_path / "b.tsv", "two")
    shelf = Shelf(tmp_path)
    (tmp_path / "a.tsv").write_text("no table")
    write(tmp_path / "b.tsv", "new")
    with caplog.at_level(logging.INFO, "dragoman_server"):
        assert look(shelf) == Reload("glossaries", "REFUSED")
        assert shelf.look() is None
    assert (said(shelf, "a"), said(shelf, "b")) == ("one", "new")
    lines = [json.loads(JsonFormatter().format(record)) for record in caplog.records]
    assert [(line["event"], line["file"]) for line in lines] == [("file_refused", "glossaries")]
    assert "a.tsv: 'no table' is no language code" in lines[0]["problem"]


def test_a_directory_that_goes_away_leaves_what_it_was(tmp_path: Path) -> None:
    folder = tmp_path / "glossaries"
    folder.mkdir()
    write(folder / "a.tsv", "one")
    shelf = Shelf(folder)
    folder.rename(tmp_path / "elsewhere")
    assert [shelf.look() for _ in range(3)] == [Reload("glossaries", "REFUSED"), None, None]
    (tmp_path / "elsewhere").rename(folder)
    assert look(shelf) is None, "it is as it was"
    assert said(shelf, "a") == "one"


def test_no_server_starts_with_a_glossary_that_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        Shelf(tmp_path / "nowhere")
    (tmp_path / "a.tsv").write_text("no table")
    with pytest.raises(ConfigError, match=r"glossaries .*a\.tsv: 'no table' is no language code"):
        Shelf(tmp_path)


def test_one_name_has_one_file(tmp_path: Path) -> None:
    write(tmp_path / "a.tsv", "one")
    (tmp_path / "a.tbx").write_text("")
    with pytest.raises(ConfigError, match=r"has a both as \.tsv and as \.tbx"):
        Shelf(tmp_path)
