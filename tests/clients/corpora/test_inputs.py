from pathlib import Path

import pytest

from dragoman.corpora.errors import JobError
from dragoman.corpora.storage.inputs import find_inputs


def files(directory: Path, *names: str) -> None:
    for name in names:
        path = directory / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"a\n")


def test_patterns_and_paths_give_each_file_once_in_order(tmp_path: Path) -> None:
    files(tmp_path, "b.en", "a.en", "c.de", "[d].en")
    patterns = [str(tmp_path / "*.en"), str(tmp_path / "a.en"), str(tmp_path / "[d].en")]
    found = find_inputs(patterns, tmp_path / "out")
    assert [name for _, name in found] == ["[d].en", "a.en", "b.en"]
    assert found[1].path == tmp_path / "a.en"


@pytest.mark.parametrize("pattern", ["*.fr", "missing", "directory"])
def test_what_stands_for_no_file_is_refused(tmp_path: Path, pattern: str) -> None:
    (tmp_path / "directory").mkdir()
    with pytest.raises(JobError, match="no such file, and none that matches it as a pattern"):
        find_inputs([str(tmp_path / pattern)], tmp_path / "out")


def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    files(tmp_path, "1/a", "2/a")
    with pytest.raises(JobError, match=r"1/a and .*2/a have the same name"):
        find_inputs([str(tmp_path / "*" / "a")], tmp_path / "out")


def test_an_input_is_not_overwritten(tmp_path: Path) -> None:
    files(tmp_path, "a")
    with pytest.raises(JobError, match="would be overwritten: give another --output"):
        find_inputs([str(tmp_path / "a")], tmp_path)


def test_a_link_keeps_its_name(tmp_path: Path) -> None:
    files(tmp_path, "a")
    (tmp_path / "link").symlink_to(tmp_path / "a")
    found = find_inputs([str(tmp_path / "link")], tmp_path / "out")
    assert found == [(tmp_path / "link", "link")]


def test_the_name_of_the_job_directory_is_refused(tmp_path: Path) -> None:
    files(tmp_path, "_job")
    with pytest.raises(JobError, match="the name _job is taken"):
        find_inputs([str(tmp_path / "_job")], tmp_path / "out")
