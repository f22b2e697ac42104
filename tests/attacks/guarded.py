"""A server that asks who calls and has several models, for the same attacks: `make attack-test`.

With ATTACKED=guarded in the environment attackers and light callers have one good key, which may
use one of the models. Knows settings. Does not know attacks.
"""

import os
from pathlib import Path

import yaml

from dragoman.credentials import VARIABLE
from dragoman_server.access.keys import hash_of, new_key
from tests.integration.bundles import copy_bundle

IS_GUARDED = os.environ.get("ATTACKED") == "guarded"

ATTACKED, OTHERS = "attacked", ("one-more", "another")

if IS_GUARDED:
    os.environ.setdefault(VARIABLE, new_key())  # the clients of attackers take it from there


def metadata() -> tuple[tuple[str, str], ...]:
    """Returns what calls are sent with."""
    return (("authorization", f"Bearer {os.environ[VARIABLE]}"),) if IS_GUARDED else ()


def settings(bundle: Path, directory: Path) -> dict[str, object]:
    """Returns the settings of a server that has the bundle as one model of three."""
    for name in (ATTACKED, *OTHERS):
        copy_bundle(bundle, directory / "models" / name, name)
    entry = {"name": "attacker", "sha256": hash_of(os.environ[VARIABLE]), "methods": ["*"]}
    (directory / "keys.yaml").write_text(yaml.safe_dump([entry | {"models": [ATTACKED]}]))
    return {
        "models": directory / "models",
        "models_poll_seconds": 0.5,
        "api_keys": directory / "keys.yaml",
    }
