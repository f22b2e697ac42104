"""What a checkpoint is called: by its directory, or by its repository in the Hub's cache.

Knows how huggingface_hub lays out its cache, `models--OWNER--NAME/snapshots/COMMIT`. Reads nothing.
"""

import os
from pathlib import Path

SNAPSHOTS, REPOSITORY = "snapshots", "models--"


def model_name(checkpoint: Path) -> str:
    """Links, `.` and `..` are followed; empty for the root of the file system."""
    path = Path(os.path.realpath(checkpoint))  # which a loop of links does not stop
    repository = path.parent.parent.name
    if path.parent.name == SNAPSHOTS and repository.startswith(REPOSITORY):
        return repository.rpartition("--")[2]
    return path.name
