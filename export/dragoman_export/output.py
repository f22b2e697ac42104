"""Where a bundle may be written: asked before any work is done.

Knows paths and permissions. Does not know what a bundle holds beside its manifest.
"""

import os
import shutil
from pathlib import Path

from dragoman_export.errors import UsageError


def place_for(output: Path, manifest: str, *, checkpoint: Path, force: bool) -> Path:
    """The directory that `output` means, links followed, if it may be written or replaced.

    Args:
        output: As the user gave it.
        manifest: Name of the file that tells a bundle from any other directory.
        checkpoint: Which the bundle must leave as it is.
        force: Replace a bundle.

    Raises:
        UsageError: It may not be.
        OSError: It cannot even be looked at.
    """
    if output.is_symlink() and not output.exists():
        raise UsageError(f"output {output} is a link to {output.readlink()}, which is not there")
    place = Path(os.path.realpath(output))
    _refuse_mixture(output, place, Path(os.path.realpath(checkpoint)))
    _refuse_what_is_no_directory(output, place)
    if place.exists():
        _refuse_occupied(output, place, manifest, force=force)
        _refuse_irreplaceable(output, place)
    return place


def require_room(directory: Path, size: int) -> None:
    """Raises UsageError where a disk cannot hold `size` bytes more, whatever else comes."""
    free = shutil.disk_usage(directory).free
    if free < size:
        raise UsageError(
            f"no room for the bundle: it takes at least {size / 1e6:.0f} MB, "
            f"and {free / 1e6:.0f} MB are free"
        )


def _refuse_mixture(output: Path, place: Path, checkpoint: Path) -> None:
    if place == checkpoint:
        raise UsageError(f"output {output} is the checkpoint's own directory; give another")
    if checkpoint in place.parents:
        raise UsageError(f"output {output} lies inside the checkpoint {checkpoint}; give another")
    if place in checkpoint.parents and place.exists():
        raise UsageError(f"output {output} holds the checkpoint {checkpoint}; give another")


def _refuse_what_is_no_directory(output: Path, place: Path) -> None:
    there = next(path for path in (place, *place.parents) if path.exists())
    if there.is_dir():
        return
    if there == place:
        raise UsageError(f"output {output} is not a directory")
    raise UsageError(f"output {output} cannot be made: {there} is not a directory")


def _refuse_occupied(output: Path, place: Path, manifest: str, *, force: bool) -> None:
    if not any(place.iterdir()):
        return
    if not force:
        raise UsageError(f"output {output} is not empty; --force replaces a bundle")
    if not (place / manifest).is_file():
        raise UsageError(f"output {output} holds files and no bundle; it is not replaced")


def _refuse_irreplaceable(output: Path, place: Path) -> None:
    """A bundle takes its directory's place; some places cannot be taken."""
    if place.is_mount() or place == Path.cwd():
        raise UsageError(
            f"output {output} is a mount point or the current directory, which cannot be replaced; "
            "give a directory inside it"
        )
    if not os.access(place, os.W_OK | os.X_OK, effective_ids=True):
        raise UsageError(f"output {output} cannot be replaced: no permission to write to it")
