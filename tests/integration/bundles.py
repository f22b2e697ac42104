"""Bundles that are served as several models."""

import json
import shutil
from pathlib import Path


def copy_bundle(bundle: Path, copy: Path, name: str) -> None:
    """Copies a bundle under another name, and as another version: no hash of a file covers that."""
    shutil.copytree(bundle, copy)
    manifest = json.loads((copy / "bundle.json").read_text("utf-8"))
    manifest["name"] = name
    manifest["provenance"]["checkpoint"] += f", copied to {copy.name}"
    (copy / "bundle.json").write_text(json.dumps(manifest), "utf-8")
