"""The files of a batch: the texts that are in them, and what is written of their translations.

Knows tables, texts and HTML, and how Google calls what comes of them. Does not know where files
are, nor how anything is translated.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from dragoman_server.interfaces.google.batch_request import Input
from dragoman_server.interfaces.google.framed import Framed

TABLE, TEXT = ".tsv", ".txt"

COLUMNS = (1, 2)
"""Of a table: a text, or an id and a text."""


class Item(NamedTuple):
    """A text of a file."""

    name: str
    """Its id: as the file says, else its row."""
    text: str
    frame: Framed | None = None
    """What is around it; None where nothing is."""

    @property
    def code_points(self) -> int:
        """Of all of it in the file."""
        return len(self.text if self.frame is None else self.frame.around(self.text))


class Result(NamedTuple):
    """What became of one."""

    text: str = ""
    error: str = ""
    """Why there is no translation."""


class Outputs(NamedTuple):
    """Contents of files, each empty where there is nothing to write."""

    translations: str = ""
    errors: str = ""
    glossary_translations: str = ""
    glossary_errors: str = ""


def read_items(file: Input, content: bytes, *, most_code_points: int) -> list[Item]:
    """Returns the texts of a file.

    A long text is cut where lines end, so that as much as may be is in each part.

    Raises:
        ValueError: It is not UTF-8, or no such table.
    """
    text = content.decode("utf-8-sig")
    if file.place.suffix == TEXT:
        frames = map(Framed.of, _parts(text, most_code_points))
        return [Item(str(n), each.text, each) for n, each in enumerate(frames)]
    if file.place.suffix != TABLE:
        return [Item("0", text)]
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter="\t", strict=True))
    except csv.Error as error:
        raise ValueError(f"no table: {error}") from None
    items = []
    for number, row in enumerate(rows):
        if not row:
            continue
        if len(row) not in COLUMNS:
            raise ValueError(f"{len(row)} columns in row {number}; allowed: 1 or 2")
        items.append(Item(row[0] if len(row) > 1 else str(number), row[-1]))
    return items


def outputs_of(
    file: Input,
    items: Sequence[Item],
    plain: Sequence[Result],
    with_terms: Sequence[Result] | None,
) -> Outputs:
    """Returns what is written of a file's translations.

    Args:
        file: The file.
        items: Its texts.
        plain: What became of each without a glossary.
        with_terms: And with one, where one is asked for.
    """
    if file.place.suffix == TABLE:
        return _of_table(items, plain, with_terms)
    translations, errors = _of_text(items, plain)
    glossary_translations, glossary_errors = "", ""
    if with_terms is not None:
        glossary_translations, glossary_errors = _of_text(items, with_terms)
    return Outputs(translations, errors, glossary_translations, glossary_errors)


def _of_text(items: Sequence[Item], results: Sequence[Result]) -> tuple[str, str]:
    errors = [result.error for result in results if result.error]
    if errors:
        return "", "\n".join(dict.fromkeys(errors)) + "\n"
    texts = (
        result.text if item.frame is None else item.frame.around(result.text)
        for item, result in zip(items, results, strict=True)
    )
    return "".join(texts), ""


def _of_table(
    items: Sequence[Item], plain: Sequence[Result], with_terms: Sequence[Result] | None
) -> Outputs:
    translated, failed = [], []
    for index, (item, result) in enumerate(zip(items, plain, strict=True)):
        of_terms = () if with_terms is None else (with_terms[index],)
        each = (result, *of_terms)
        translated.append((item.name, item.text, *(one.text for one in each)))
        if any(one.error for one in each):
            failed.append((item.name, item.text, *(one.error for one in each)))
    return Outputs(_table(translated), _table(failed))


def _table(rows: Sequence[Sequence[str]]) -> str:
    written = io.StringIO(newline="")
    csv.writer(written, delimiter="\t", lineterminator="\n").writerows(rows)
    return written.getvalue()


def _parts(text: str, most: int) -> Iterator[str]:
    """Yields a text in parts of whole lines; a longer line is a part by itself."""
    part: list[str] = []
    length = 0
    for line in text.splitlines(keepends=True):
        if part and length + len(line) > most:
            yield "".join(part)
            part, length = [], 0
        part.append(line)
        length += len(line)
    if part:
        yield "".join(part)
