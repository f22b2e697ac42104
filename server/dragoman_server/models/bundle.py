"""Reads a model bundle and proves that it is the one that export wrote.

Knows the manifest and the files' hashes; knows nothing of graphs, tensors or text.
"""

import hashlib
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Self

from google.protobuf import json_format

from dragoman.v1.bundle_pb2 import BundleFile, Manifest
from dragoman_server.errors import BundleError
from dragoman_server.models.manifest import problems_of
from dragoman_server.models.private_copy import detach
from dragoman_server.models.shortlist import paths_of

FORMAT_VERSIONS = (5, 6, 7, 8)
"""That are read: those of version 5 have no graph of attention weights; those before 7 are ONNX;
those before 8 have no shortlist."""

MANIFEST_NAME = "bundle.json"

MOST_MANIFEST_BYTES = 16 << 20
MOST_SHOWN = 8
"""Problems of a manifest that an error tells of."""


class Stamp(NamedTuple):
    """What tells whether a file is still the one that was read."""

    device: int
    inode: int
    size: int
    modified_ns: int


@dataclass(frozen=True, slots=True)
class Bundle:
    """A verified bundle."""

    path: Path
    """Its directory."""
    manifest: Manifest
    """Its bundle.json."""
    stamps: Mapping[str, Stamp] = field(default_factory=dict)
    """Of its files by their paths, from when they were verified."""
    digest: str = ""
    """SHA-256 of bundle.json, which has those of all other files."""

    @classmethod
    def load(cls, path: Path) -> Self:
        """Reads the manifest and checks every file's size and SHA-256.

        Raises:
            BundleError: something is missing, damaged or of another format.
        """
        manifest, digest = _read(path)
        stamps = {file.path: _verify(path, file) for file in manifest.files}
        listed = {file.path for file in manifest.files}
        for needed in _needed_paths(manifest):
            if needed not in listed:
                raise BundleError(f"{path / MANIFEST_NAME}: {needed!r} is used but not in `files`")
        return cls(path, manifest, stamps, digest)

    def changed_files(self) -> list[str]:
        """Returns the paths of the files that are not those that were verified."""
        return [path for path, stamp in self.stamps.items() if _stamp(self.path / path) != stamp]

    def check_unchanged(self) -> None:
        """Raises BundleError where a file is not the one that was verified."""
        if changed := self.changed_files():
            raise BundleError(
                f"{self.path}: {', '.join(changed)} changed while being loaded; a new bundle "
                "belongs into a directory of its own"
            )

    def detach(self) -> None:
        """Keeps what is mapped of its files as it is, whatever becomes of them.

        Raises:
            BundleError: A file is not the one that was verified, or there is no memory for that.
        """
        for path in self.stamps:
            try:
                detach(self.path / path)
            except OSError as error:
                raise BundleError(f"{self.path / path} cannot be kept: {error.strerror}") from error
        self.check_unchanged()


def read_manifest(path: Path) -> Manifest:
    """Reads bundle.json without looking at the other files.

    Raises:
        BundleError: it is missing, not JSON, has unknown keys, values that are not allowed or
            another format version.
    """
    return _read(path)[0]


def _read(path: Path) -> tuple[Manifest, str]:
    """Returns the manifest and the SHA-256 of its file."""
    file = path / MANIFEST_NAME
    try:
        if not path.is_dir():
            raise BundleError(f"no bundle at {path}: it is not a directory")
    except OSError as error:  # not what can be looked at, or too long for a path
        raise BundleError(f"no bundle at {path}: {error.strerror}") from None
    manifest, digest = _parsed(file)
    if manifest.format_version not in FORMAT_VERSIONS:
        read = " and ".join(map(str, FORMAT_VERSIONS))
        raise BundleError(
            f"{file}: format version {manifest.format_version}, this server reads {read}"
        )
    if problems := problems_of(manifest):
        more = f"; and {len(problems) - MOST_SHOWN} more" if len(problems) > MOST_SHOWN else ""
        raise BundleError(f"{file}: {'; '.join(problems[:MOST_SHOWN])}{more}")
    return manifest, digest


def _parsed(file: Path) -> tuple[Manifest, str]:
    try:
        if not file.is_file() and file.exists():
            raise BundleError(f"{file} is not a file")
        if (size := file.stat().st_size) > MOST_MANIFEST_BYTES:
            raise BundleError(f"{file} has {size} bytes; allowed: at most {MOST_MANIFEST_BYTES}")
        contents = file.read_bytes()
        manifest = json_format.Parse(contents.decode("utf-8-sig"), Manifest())
        return manifest, hashlib.sha256(contents).hexdigest()
    except FileNotFoundError:
        raise BundleError(f"no bundle at {file.parent}: it has no {MANIFEST_NAME}") from None
    # protobuf lets through what Python's parser raises on numbers, nesting and surrogates.
    except (OSError, ValueError, RecursionError, json_format.ParseError) as error:
        raise BundleError(f"{file} cannot be read: {error}") from error


def _needed_paths(manifest: Manifest) -> list[str]:
    tokenizer = manifest.tokenizer
    of_tokenizer = (
        tokenizer.source_model_path,
        tokenizer.target_model_path,
        tokenizer.vocabulary_path,
        tokenizer.target_vocabulary_path,
    )
    return [
        manifest.encoder.path,
        manifest.decoder.path,
        *filter(None, of_tokenizer),
        *([manifest.copy.path] if manifest.HasField("copy") else []),
        *([manifest.attention.path] if manifest.HasField("attention") else []),
        *paths_of(manifest.shortlist).values(),
    ]


def _verify(path: Path, file: BundleFile) -> Stamp:
    """Returns the stamp of a file that is the one that the manifest tells of."""
    full = path / file.path
    try:
        if not stat.S_ISREG(full.stat().st_mode):  # to open a pipe would take for ever
            raise BundleError(f"{full} is not a file")
        with full.open("rb") as stream:
            stamp = _stamp_of(os.fstat(stream.fileno()))
            if stamp.size != file.size_bytes:
                raise BundleError(
                    f"{full} has {stamp.size} bytes, the manifest says {file.size_bytes}"
                )
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise BundleError(f"{full} cannot be read: {error.strerror}") from error
    if digest != file.sha256:
        raise BundleError(f"{full} has SHA-256 {digest}, the manifest says {file.sha256}")
    return stamp


def _stamp(file: Path) -> Stamp | None:
    """Returns a file's stamp as it is now; None where there is none."""
    try:
        return _stamp_of(file.stat())
    except OSError:
        return None


def _stamp_of(status: os.stat_result) -> Stamp:
    return Stamp(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
