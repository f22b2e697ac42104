"""Puts a calibration into a bundle's manifest, which is there whole at any time.

Knows the manifest's file. Does not know what a calibration says.
"""

import json
import os
from pathlib import Path

from google.protobuf import json_format

from dragoman.v1.bundle_pb2 import Calibration, Manifest
from dragoman_server.calibration.errors import CalibrationError
from dragoman_server.models import FORMAT_VERSIONS, MANIFEST_NAME, read_manifest


def write_calibration(directory: Path, calibration: Calibration, *, read: Manifest) -> None:
    """Writes the manifest of a bundle with its calibration, in place of what it had.

    Args:
        directory: The bundle's.
        calibration: What it is to have.
        read: The manifest that the calibration was made with.

    Raises:
        BundleError: The manifest is no longer there, or no longer good.
        CalibrationError: It is another one by now, or cannot be written.
    """
    manifest = read_manifest(directory)
    if manifest != read:
        raise CalibrationError(f"{directory} changed while it was calibrated; nothing is written")
    manifest.calibration.CopyFrom(calibration)
    manifest.format_version = FORMAT_VERSIONS[-1]  # older servers say so, and not what they miss
    try:
        _replace(directory / MANIFEST_NAME, _text(manifest))
    except OSError as error:
        raise CalibrationError(f"{directory} cannot be written: {error.strerror}") from None


def _text(manifest: Manifest) -> str:
    """Returns a manifest as export writes it."""
    content = json_format.MessageToDict(
        manifest, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
    versions = content["provenance"]["tool_versions"]
    content["provenance"]["tool_versions"] = dict(sorted(versions.items()))
    return json.dumps(content, ensure_ascii=False, indent=2) + "\n"


def _replace(path: Path, text: str) -> None:
    """Gives a file other contents, its permissions kept: all of them or none."""
    path = path.resolve()
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with unfinished.open("x", encoding="utf-8") as file:
            os.fchmod(file.fileno(), path.stat().st_mode & 0o7777)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
