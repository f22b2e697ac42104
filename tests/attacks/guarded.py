"""A server that asks who calls and has several models, for the same attacks: `make attack-test`.

With ATTACKED=guarded in the environment attackers have a good key, and light callers another, which
may use one of the models. Knows settings. Does not know attacks.
"""

import os
from pathlib import Path

import yaml

from dragoman.credentials import VARIABLE
from dragoman_server.access.keys import hash_of, new_key
from tests.integration.bundles import copy_bundle

IS_GUARDED = os.environ.get("ATTACKED") == "guarded"

ATTACKED, OTHERS = "attacked", ("one-more", "another")

LIGHT = "LIGHT_CALLERS_KEY"
"""Variable of the environment: those callers are a process of their own."""

if IS_GUARDED:
    os.environ.setdefault(VARIABLE, new_key())  # the clients of attackers take it from there
    os.environ.setdefault(LIGHT, new_key())


def metadata(variable: str = VARIABLE) -> tuple[tuple[str, str], ...]:
    """Returns what calls are sent with by those whose key is in a variable."""
    return (("authorization", f"Bearer {os.environ[variable]}"),) if IS_GUARDED else ()


def settings(bundle: Path, directory: Path) -> dict[str, object]:
    """Returns the settings of a server that has the bundle as one model of three."""
    for name in (ATTACKED, *OTHERS):
        copy_bundle(bundle, directory / "models" / name, name)
    may = {"methods": ["*"], "models": [ATTACKED]}
    entries = [
        {"name": name, "sha256": hash_of(os.environ[variable])} | may
        for name, variable in (("attacker", VARIABLE), ("light", LIGHT))
    ]
    (directory / "keys.yaml").write_text(yaml.safe_dump(entries))
    return {
        "models": directory / "models",
        "models_poll_seconds": 0.5,
        "api_keys": directory / "keys.yaml",
    }
