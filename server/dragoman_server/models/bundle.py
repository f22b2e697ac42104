"""Reads a model bundle and proves that it is the one that export wrote.

Knows the manifest and the files' hashes; knows nothing of graphs, tensors or text.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Self

from google.protobuf import json_format

from dragoman.v1.bundle_pb2 import BundleFile, Manifest
from dragoman_server.errors import BundleError

FORMAT_VERSION = 2
MANIFEST_NAME = "bundle.json"


@dataclass(frozen=True, slots=True)
class Bundle:
    """A verified bundle."""

    path: Path
    """Its directory."""
    manifest: Manifest
    """Its bundle.json."""

    @classmethod
    def load(cls, path: Path) -> Self:
        """Reads the manifest and checks every file's size and SHA-256.

        Raises:
            BundleError: something is missing, damaged or of another format.
        """
        manifest = read_manifest(path)
        for file in manifest.files:
            _verify(path, file)
        listed = {file.path for file in manifest.files}
        for needed in _needed_paths(manifest):
            if needed not in listed:
                raise BundleError(f"{path / MANIFEST_NAME}: {needed!r} is used but not in `files`")
        return cls(path, manifest)


def read_manifest(path: Path) -> Manifest:
    """Reads bundle.json without looking at the other files.

    Raises:
        BundleError: it is missing, not JSON, has unknown keys or another format version.
    """
    file = path / MANIFEST_NAME
    if not path.is_dir():
        raise BundleError(f"no bundle at {path}: it is not a directory")
    try:
        manifest = json_format.Parse(file.read_text(encoding="utf-8"), Manifest())
    except FileNotFoundError:
        raise BundleError(f"no bundle at {path}: it has no {MANIFEST_NAME}") from None
    except (OSError, UnicodeDecodeError, json_format.ParseError) as error:
        raise BundleError(f"{file} cannot be read: {error}") from error
    if manifest.format_version != FORMAT_VERSION:
        raise BundleError(
            f"{file}: format version {manifest.format_version}, this server reads {FORMAT_VERSION}"
        )
    return manifest


def _needed_paths(manifest: Manifest) -> list[str]:
    tokenizer = manifest.tokenizer
    return [
        manifest.encoder.path,
        manifest.decoder.path,
        tokenizer.source_model_path,
        tokenizer.target_model_path,
        tokenizer.vocabulary_path,
        *([manifest.copy.path] if "cuda" in manifest.providers else []),
    ]


def _verify(path: Path, file: BundleFile) -> None:
    relative = PurePosixPath(file.path)
    if relative.is_absolute() or ".." in relative.parts:
        raise BundleError(f"{path / MANIFEST_NAME}: {file.path!r} leaves the bundle")
    full = path / relative
    try:
        size = full.stat().st_size
        if size != file.size_bytes:
            raise BundleError(f"{full} has {size} bytes, the manifest says {file.size_bytes}")
        with full.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise BundleError(f"{full} cannot be read: {error.strerror}") from error
    if digest != file.sha256:
        raise BundleError(f"{full} has SHA-256 {digest}, the manifest says {file.sha256}")
