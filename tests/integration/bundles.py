"""Bundles that are served as several models."""

import json
import shutil
from pathlib import Path


def copy_bundle(bundle: Path, copy: Path, name: str, languages: str = "") -> None:
    """Copies a bundle under another name, and as another version: no hash of a file covers that.

    Where `languages` is SOURCE-TARGET the copy says so of itself, whatever it does.
    """
    shutil.copytree(bundle, copy)
    manifest = json.loads((copy / "bundle.json").read_text("utf-8"))
    manifest["name"] = name
    if languages:
        sides = zip(("source", "target"), languages.split("-"), strict=True)
        for side, code in sides:
            (language,) = manifest[f"{side}_languages"]
            language["language_code"] = code
    manifest["provenance"]["checkpoint"] += f", copied to {copy.name}"
    (copy / "bundle.json").write_text(json.dumps(manifest), "utf-8")
