"""A bundle's directory: complete or not there at all.

Knows files, the manifest's message and its JSON form. Does not know how graphs are made; where a
bundle may be written is `dragoman_export.output`'s to say.
"""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from google.protobuf import json_format

from dragoman.v1 import bundle_pb2
from dragoman_export.errors import UsageError
from dragoman_export.output import place_for

MANIFEST = "bundle.json"

PROBE_BYTES = 4096
"""Written before any work: a full disk still makes directories."""


@contextmanager
def staged(output: Path, *, checkpoint: Path, force: bool) -> Iterator[Path]:
    """A directory beside `output` that takes its place if all goes well, and vanishes if not.

    Raises:
        UsageError: Nothing may be written to `output`, or it cannot be; at once where that is to be
            seen beforehand.
    """
    try:
        place = place_for(output, MANIFEST, checkpoint=checkpoint, force=force)
        with _parents(place), _beside(place) as directory:
            (directory / MANIFEST).write_bytes(bytes(PROBE_BYTES))
            (directory / MANIFEST).unlink()
            yield directory
            _replace(place, directory)
    except OSError as error:
        raise UsageError(f"output {output} cannot be written: {error}") from error


@contextmanager
def _parents(place: Path) -> Iterator[None]:
    """Makes the directories that are to hold it, and takes them away if nothing came of it."""
    missing = [parent for parent in place.parents if not parent.exists()]
    place.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except BaseException:
        with suppress(OSError):
            for parent in missing:
                parent.rmdir()
        raise


@contextmanager
def _beside(place: Path) -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp(prefix=".dragoman-export-", dir=place.parent))
    try:
        directory.chmod(0o755)
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _replace(place: Path, directory: Path) -> None:
    """What was there moves aside first: it is whole, or the new one is."""
    if not place.exists():
        directory.rename(place)
        return
    with _beside(place) as aside:
        old = place.rename(aside / "old")
        try:
            directory.rename(place)
        except OSError:
            old.rename(place)
            raise


def write_manifest(manifest: bundle_pb2.Manifest, directory: Path) -> None:
    """Lists every file of `directory` in the manifest and writes it beside them."""
    del manifest.files[:]
    manifest.files.extend(
        bundle_pb2.BundleFile(
            path=path.relative_to(directory).as_posix(),
            size_bytes=path.stat().st_size,
            sha256=_sha256(path),
        )
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    )
    content = json_format.MessageToDict(
        manifest, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
    # Protobuf keeps maps in no order; the same export must give the same bytes.
    versions = content["provenance"]["tool_versions"]
    content["provenance"]["tool_versions"] = dict(sorted(versions.items()))
    text = json.dumps(content, ensure_ascii=False, indent=2)
    (directory / MANIFEST).write_text(text + "\n", encoding="utf-8")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
