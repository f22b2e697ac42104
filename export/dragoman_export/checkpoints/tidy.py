"""A checkpoint's directory for readers that are stricter than its importers: transformers.

They refuse a byte order mark before JSON, and null where a setting is meant to say nothing. Knows
files alone.
"""

import codecs
import json
import os
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from dragoman_export.checkpoints.checkpoint import CONFIG
from dragoman_export.checkpoints.files import read_settings
from dragoman_export.errors import CheckpointError

TOKENIZER_SETTINGS = ("model_type", "tokenizer_class")
"""All of config.json that a tokenizer needs."""


@contextmanager
def tidied(checkpoint: Path, kept: Collection[str] | None = None) -> Iterator[Path]:
    """The directory itself, or where it needs tidying a passing one with links to its files.

    Args:
        checkpoint: The directory.
        kept: Settings of config.json, where the others are wrong; None is all.

    Raises:
        CheckpointError: Its config.json cannot be read; or as it was raised within, but of the
            directory that the user knows.
    """
    files = checkpoint.glob("*.json")
    tidy = {path.name: content for path in files if (content := _tidy(path, kept))}
    if not tidy:
        yield checkpoint
        return
    with tempfile.TemporaryDirectory() as directory:
        for path in checkpoint.iterdir():
            place = Path(directory) / path.name
            if path.name in tidy:
                place.write_bytes(tidy[path.name])
            else:
                place.symlink_to(os.path.realpath(path))
        try:
            yield Path(directory)
        except CheckpointError as error:
            raise CheckpointError(str(error).replace(directory, str(checkpoint))) from error


def _tidy(path: Path, kept: Collection[str] | None) -> bytes | None:
    """What the file should hold; None where that is what it holds."""
    content = path.read_bytes() if path.is_file() else b""
    if path.name == CONFIG:
        settings = read_settings(path)
        names = settings if kept is None else kept
        said = {name: settings[name] for name in names if settings.get(name) is not None}
        if said != settings:
            return json.dumps(said).encode()
    tidy = content.removeprefix(codecs.BOM_UTF8)
    return tidy if tidy != content else None
