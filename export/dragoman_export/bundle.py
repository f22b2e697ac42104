"""A bundle's directory: complete or not there at all.

Knows files, the manifest's message and its JSON form. Does not know how graphs are made.
"""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from google.protobuf import json_format

from dragoman.v1 import bundle_pb2
from dragoman_export.errors import UsageError

MANIFEST = "bundle.json"


@contextmanager
def staged(output: Path, *, force: bool) -> Iterator[Path]:
    """A directory beside `output` that takes its place if all goes well, and vanishes if not.

    Raises:
        UsageError: `output` holds something, and `force` is not given or it is not a bundle.
    """
    refuse_occupied(output, force=force)
    output.parent.mkdir(parents=True, exist_ok=True)
    directory = Path(tempfile.mkdtemp(prefix=f".{output.name}-", dir=output.parent))
    try:
        directory.chmod(0o755)
        yield directory
        if output.exists():
            shutil.rmtree(output)
        directory.rename(output)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def refuse_occupied(output: Path, *, force: bool) -> None:
    """Raises UsageError unless a bundle may be written to `output`."""
    if not output.exists():
        return
    if not output.is_dir():
        raise UsageError(f"output {output} is not a directory")
    if not any(output.iterdir()):
        return
    if not force:
        raise UsageError(f"output {output} is not empty; --force replaces a bundle")
    if not (output / MANIFEST).is_file():
        raise UsageError(f"output {output} holds files and no bundle; it is not replaced")


def write_manifest(manifest: bundle_pb2.Manifest, directory: Path) -> None:
    """Lists every file of `directory` in the manifest and writes it beside them."""
    del manifest.files[:]
    manifest.files.extend(
        bundle_pb2.BundleFile(
            path=path.relative_to(directory).as_posix(),
            size_bytes=path.stat().st_size,
            sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
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
