"""What a job is: its inputs, options and model, written down at its start and compared at the next.

Knows JSON. Does not know how a job is done.
"""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from dragoman.commands.durable import write_durably
from dragoman.commands.journal import differences
from dragoman.corpora.errors import JobError
from dragoman.corpora.storage.shards import Cut, CutFile
from dragoman.options import Options

FORMAT = 1
"""Of the job directory; another one is another job."""

Manifest = dict[str, object]


def describe_job(
    files: Iterable[CutFile], cut: Cut, options: Options, model: dict[str, str]
) -> Manifest:
    """Returns all that the output depends on."""
    manifest = {
        "format": FORMAT,
        "inputs": {
            file.name: {"bytes": file.size, "lines": file.lines, "sha256": file.sha256}
            for file in files
        },
        "shards": cut._asdict(),
        "options": options.deciding(),
        "model": model,
    }
    read_back: Manifest = json.loads(_encode(manifest))  # tuples are lists, as in the file
    return read_back


def digest(manifest: Manifest) -> str:
    """Returns what tells a job from others."""
    return hashlib.sha256(_encode(manifest)).hexdigest()


def keep_manifest(path: Path, manifest: Manifest, *, begun: bool) -> None:
    """Writes the manifest down, or finds it written.

    Args:
        path: Its file.
        manifest: Of the job that is to be done.
        begun: Whether the directory holds translations, which are of the job in the file.

    Raises:
        JobError: They are of another job; says what differs.
    """
    if begun:
        earlier = json.loads(path.read_bytes()) if path.exists() else {}
        if found := list(differences(earlier, manifest)):
            raise JobError(
                f"{path.parent.parent} holds translations of another job: {'; '.join(found)}. "
                "Give another --output, or delete that directory"
            )
    write_durably(path, _encode(manifest))


def _encode(manifest: Manifest) -> bytes:
    return json.dumps(manifest, indent=1, sort_keys=True, ensure_ascii=False).encode() + b"\n"
