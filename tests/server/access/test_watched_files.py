"""Files that change: read once they are whole; where they are wrong, what was good stays."""

import json
import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from dragoman_server.access.watched_files import MOST_BYTES, WatchedFiles, read_file
from dragoman_server.errors import ConfigError
from dragoman_server.monitoring import Reload
from dragoman_server.monitoring.logs import JsonFormatter


class Loaded:
    def __init__(self, path: Path) -> None:
        self.contents = [path.read_text()]
        self._path = path

    def load(self) -> None:
        content = self._path.read_text() if self._path.exists() else "bad"
        if content == "bad":
            raise ConfigError("it is bad")
        if content == "unforeseen":
            raise RuntimeError(content)
        self.contents.append(content)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "file"
    made.write_text("first")
    return made


def looked(files: WatchedFiles, times: int = 2) -> list[Reload]:
    return [reload for _ in range(times) if (reload := files.look()) is not None]


def watched(path: Path) -> tuple[Loaded, WatchedFiles]:
    loaded = Loaded(path)
    return loaded, WatchedFiles("api_keys", [path], loaded.load)


def test_what_does_not_change_is_not_read(path: Path) -> None:
    loaded, files = watched(path)
    assert looked(files, 5) == []
    assert loaded.contents == ["first"]


def test_a_change_is_read_once_it_has_stood_for_a_look(path: Path) -> None:
    loaded, files = watched(path)
    path.write_text("half")
    assert looked(files, 1) == []
    path.write_text("whole file")
    assert looked(files, 1) == []
    assert looked(files, 3) == [Reload("api_keys", "OK")]
    assert loaded.contents == ["first", "whole file"]


def gone(path: Path) -> None:
    path.unlink()


def bad(path: Path) -> None:
    path.write_text("bad")


def unforeseen(path: Path) -> None:
    path.write_text("unforeseen")


@pytest.mark.parametrize("spoil", [gone, bad, unforeseen])
def test_what_is_wrong_leaves_what_was_good_and_is_told_once(
    path: Path, spoil: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    loaded, files = watched(path)
    spoil(path)
    with caplog.at_level(logging.INFO, "dragoman_server"):
        assert looked(files, 5) == [Reload("api_keys", "REFUSED")]
        assert loaded.contents == ["first"]
        path.write_text("second")
        assert looked(files, 5) == [Reload("api_keys", "OK")]
    assert loaded.contents == ["first", "second"]
    lines = [json.loads(JsonFormatter().format(record)) for record in caplog.records]
    assert [line["event"] for line in lines] == ["file_refused", "file_reloaded"]
    assert lines[0]["problem"] in {"it is bad", "RuntimeError"}


def test_a_link_to_another_file_is_a_change(path: Path, tmp_path: Path) -> None:
    """So Kubernetes changes secrets."""
    link = tmp_path / "link"
    link.symlink_to(path)
    loaded, files = watched(link)
    second = tmp_path / "second"
    second.write_text("other")
    other = tmp_path / "new"
    other.symlink_to(second)
    other.rename(link)
    assert looked(files) == [Reload("api_keys", "OK")]
    assert loaded.contents == ["first", "other"]


def test_files_that_belong_together_are_read_when_all_are_written(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    for each in (one, two):
        each.write_text("first")
    seen: list[tuple[str, str]] = []
    files = WatchedFiles("tls", [one, two], lambda: seen.append((one.read_text(), two.read_text())))
    one.write_text("second")
    looked(files, 1)
    two.write_text("second")
    assert looked(files, 3) == [Reload("tls", "OK")]
    assert seen == [("second", "second")]


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"api_keys .* cannot be read: No such file"):
        read_file(tmp_path / "none", "api_keys")
    large = tmp_path / "large"
    large.touch()
    with large.open("rb+") as file:
        file.truncate(MOST_BYTES + 1)
    with pytest.raises(ConfigError, match="more than 16,777,216 bytes"):
        read_file(large, "api_keys")
