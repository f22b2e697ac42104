from pathlib import Path

import pytest

from dragoman_server.calibration.errors import CalibrationError
from dragoman_server.calibration.pairs import FEWEST_PAIRS, Pair, read_pairs


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "pairs.tsv"


def test_a_line_is_a_sentence_a_tab_and_its_translation(file: Path) -> None:
    file.write_bytes(b"\xef\xbb\xbf" + b" one\t eins\r\n" * FEWEST_PAIRS)
    assert read_pairs(file) == [Pair("one", "eins")] * FEWEST_PAIRS


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("one", "line 2 has 0 tabs; allowed: one"),
        ("one\teins\tun", "line 2 has 2 tabs; allowed: one"),
        ("\teins", "line 2 has no sentence"),
        ("one\t ", "line 2 has no translation"),
        ("", "line 2 has 0 tabs"),
    ],
)
def test_another_line_is_named(file: Path, line: str, told: str) -> None:
    file.write_text(f"a\tb\n{line}\n" + "a\tb\n" * FEWEST_PAIRS)
    with pytest.raises(CalibrationError, match=told):
        read_pairs(file)


@pytest.mark.parametrize("count", [0, 1, FEWEST_PAIRS - 1])
def test_few_pairs_are_refused(file: Path, count: int) -> None:
    file.write_text("a\tb\n" * count)
    with pytest.raises(CalibrationError, match=f"has {count} pairs; allowed: {FEWEST_PAIRS} or"):
        read_pairs(file)


def test_a_file_that_cannot_be_read_says_why(file: Path, tmp_path: Path) -> None:
    with pytest.raises(CalibrationError, match="cannot be read: No such file"):
        read_pairs(file)
    with pytest.raises(CalibrationError, match="cannot be read: Is a directory"):
        read_pairs(tmp_path)
    file.write_bytes(b"a\tb\n\xff")
    with pytest.raises(CalibrationError, match="is not UTF-8: byte 4 is wrong"):
        read_pairs(file)
