from pathlib import Path

import pytest

from dragoman.load.sentences import SentencesError, read_sentences


def write(path: Path, *lines: str) -> Path:
    path.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    return path


def test_the_sample_has_sentences_of_many_lengths() -> None:
    sentences = read_sentences(None)
    lengths = [len(text.split()) for text in sentences.texts]
    assert len(set(sentences.texts)) == len(lengths) >= 50
    assert min(lengths) <= 3
    assert max(lengths) >= 20
    assert str(len(lengths)) in sentences.name


def test_files_are_read_line_by_line(tmp_path: Path) -> None:
    source = write(tmp_path / "in.txt", "a\u2028b", "c")
    sentences = read_sentences(
        source,
        references=write(tmp_path / "ref.txt", "A B", "C"),
        expected=write(tmp_path / "out.txt", "AB", "C"),
        target_lengths=write(tmp_path / "lengths.txt", "3", "1"),
    )
    assert sentences.texts == ["a\u2028b", "c"]
    assert sentences.references == ["A B", "C"]
    assert sentences.expected == ["AB", "C"]
    assert sentences.target_lengths == [3, 1]
    assert sentences.name == "in.txt, 2 sentences"


def test_files_of_other_lengths_are_told(tmp_path: Path) -> None:
    source, other = write(tmp_path / "in.txt", "a", "b"), write(tmp_path / "out.txt", "A")
    with pytest.raises(SentencesError, match=r"out\.txt has 1 lines for 2 sentences"):
        read_sentences(source, expected=other)


@pytest.mark.parametrize("line", ["", "0", "-1", "1.5", "three", "²"])
def test_target_lengths_are_whole_numbers_from_1(tmp_path: Path, line: str) -> None:
    source, lengths = write(tmp_path / "in.txt", "a", "b"), write(tmp_path / "n.txt", "1", line)
    with pytest.raises(SentencesError, match=r"n\.txt, line 2: .* whole numbers from 1"):
        read_sentences(source, target_lengths=lengths)


def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(SentencesError, match=r"cannot read .*absent: No such file"):
        read_sentences(tmp_path / "absent")
    (tmp_path / "empty").touch()
    with pytest.raises(SentencesError, match="empty holds no sentences"):
        read_sentences(tmp_path / "empty")
    (tmp_path / "latin").write_bytes(b"caf\xe9\n")
    with pytest.raises(SentencesError, match="latin is not UTF-8 at byte 3"):
        read_sentences(tmp_path / "latin")
