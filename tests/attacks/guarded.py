"""A server that asks who calls and has several models, for the same attacks: `make attack-test`.

With ATTACKED=guarded in the environment attackers and light callers have one good key, which may
use one of the models. Knows settings. Does not know attacks.
"""

import json
import os
import shutil
from pathlib import Path

import yaml

from dragoman.credentials import VARIABLE
from dragoman_server.access.keys import hash_of, new_key

IS_GUARDED = os.environ.get("ATTACKED") == "guarded"

OTHERS = ("one-more", "another")

if IS_GUARDED:
    os.environ.setdefault(VARIABLE, new_key())  # the clients of attackers take it from there


def metadata() -> tuple[tuple[str, str], ...]:
    """Returns what calls are sent with."""
    return (("authorization", f"Bearer {os.environ[VARIABLE]}"),) if IS_GUARDED else ()


def settings(bundle: Path, directory: Path) -> dict[str, object]:
    """Returns the settings of a server that has the bundle as one model of three."""
    name = _named(bundle, directory / "models/attacked", None)
    for other in OTHERS:
        _named(bundle, directory / "models" / other, other)
    entry = {"name": "attacker", "sha256": hash_of(os.environ[VARIABLE]), "methods": ["*"]}
    (directory / "keys.yaml").write_text(yaml.safe_dump([entry | {"models": [name]}]))
    return {
        "models": directory / "models",
        "models_poll_seconds": 0.5,
        "api_keys": directory / "keys.yaml",
    }


def _named(bundle: Path, copy: Path, name: str | None) -> str:
    """Copies a bundle, under another name if one is given; returns its name."""
    shutil.copytree(bundle, copy)
    manifest = json.loads((copy / "bundle.json").read_text("utf-8"))
    manifest["name"] = name or manifest["name"]
    (copy / "bundle.json").write_text(json.dumps(manifest), "utf-8")
    told: str = manifest["name"]
    return told
