"""How files of a batch are called, and the index of them.

Knows Google's names and columns. Does not know where files are.
"""

import csv
import io
from collections.abc import Iterable
from typing import NamedTuple

from dragoman_server.interfaces.google.batch_files import Outputs
from dragoman_server.interfaces.google.batch_request import Input, stem_of

INDEX = "index.csv"


class Named(NamedTuple):
    """What is written of a file in one language."""

    input_uri: str
    language_code: str
    files: dict[str, str]
    """Contents by names."""
    names: tuple[str, str, str, str]
    """Of translations, errors and the two with a glossary; empty where there is no such file."""


def named(file: Input, language_code: str, outputs: Outputs) -> Named:
    """Returns what is written, by names."""
    begin, suffix = f"{stem_of(file.place)}_{language_code}", file.place.suffix
    translations, errors, glossary_translations, glossary_errors = (
        f"{begin}_{kind}{suffix}" if content else "" for kind, content in outputs._asdict().items()
    )
    names = (translations, errors, glossary_translations, glossary_errors)
    files = {name: content for name, content in zip(names, outputs, strict=True) if name}
    return Named(file.place.uri, language_code, files, names)


def index_of(done: Iterable[Named], prefix: str) -> str:
    """Returns the index of what is written below a URI."""
    written = io.StringIO(newline="")
    rows = csv.writer(written, lineterminator="\n")
    for each in done:
        uris = [f"{prefix}{name}" if name else "" for name in each.names]
        rows.writerow((each.input_uri, each.language_code, *uris))
    return written.getvalue()
