"""The sentences of a load test, and what is expected of them.

Knows files. Does not know how sentences are sent or when.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from dragoman.errors import InvalidArgumentError
from dragoman.texts import check_text


class SentencesError(Exception):
    """A file of sentences cannot be used; says which and why."""


@dataclass(frozen=True)
class Sentences:
    """What is translated, again and again."""

    name: str
    """Where they come from, and how many."""
    texts: list[str]
    references: list[str] | None = None
    """Human translations, which quality is measured against."""
    expected: list[str] | None = None
    """What the server must answer, to the letter."""
    target_lengths: list[int] | None = None
    """Target tokens that each translation must have, neither more nor fewer."""


def read_sentences(
    source: Path | None,
    *,
    references: Path | None = None,
    expected: Path | None = None,
    target_lengths: Path | None = None,
) -> Sentences:
    """Reads UTF-8 files of a sentence, or of a number, a line.

    Args:
        source: What is to be translated; None takes the built-in sample in English.
        references: As many lines as `source`, like the others.
        expected: See Sentences.
        target_lengths: See Sentences.

    Raises:
        SentencesError: A file is unreadable, empty or of another length, or a line is wrong.
    """
    texts = _built_in() if source is None else _read_lines(source)
    name = "built-in sample" if source is None else source.name
    if not texts:
        raise SentencesError(f"{source} holds no sentences")
    _check_texts(source, texts)
    lengths = None
    if target_lengths is not None:
        lengths = _numbers(target_lengths, _read_aligned(target_lengths, len(texts)))
    return Sentences(
        f"{name}, {len(texts)} sentences",
        texts,
        None if references is None else _read_aligned(references, len(texts)),
        None if expected is None else _read_aligned(expected, len(texts)),
        lengths,
    )


def _built_in() -> list[str]:
    text = files("dragoman.load").joinpath("sample.en.txt").read_text("utf-8")
    return text.splitlines()


def _read_lines(path: Path) -> list[str]:
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise SentencesError(f"cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise SentencesError(f"{path} is not UTF-8 at byte {error.start}") from None
    return text.removesuffix("\n").split("\n") if text else []


def _read_aligned(path: Path, count: int) -> list[str]:
    lines = _read_lines(path)
    if len(lines) != count:
        raise SentencesError(f"{path} has {len(lines)} lines for {count} sentences")
    return lines


def _check_texts(path: Path | None, texts: Sequence[str]) -> None:
    for number, text in enumerate(texts, start=1):
        try:
            check_text(text, "text")
        except InvalidArgumentError as error:
            raise SentencesError(f"{path}, line {number}: {error}") from None


def _numbers(path: Path, lines: Sequence[str]) -> list[int]:
    for number, line in enumerate(lines, start=1):
        if not line.isascii() or not line.isdigit() or int(line) < 1:
            raise SentencesError(
                f"{path}, line {number}: {line!r} is no number of target tokens; allowed are whole "
                "numbers from 1"
            )
    return [int(line) for line in lines]
