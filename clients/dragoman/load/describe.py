"""What a report tells of its circumstances: versions, machine, model, options.

Knows where such things are found. Does not know tests.
"""

import argparse
import platform
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

from dragoman.machine import cores, processor
from dragoman.results import Model

LIBRARIES = ("mlcommons-loadgen", "grpcio", "protobuf")

_UNTOLD = {
    *("json", "html", "logs", "tls_ca", "tls_certificate", "tls_private_key"),
    *("api_key", "api_key_file", "insecure_api_key"),
}
"""Flags that say nothing about the test, or are nobody's business."""


def describe_client() -> str:
    """Returns the machine and the libraries that the load comes from."""
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    return f"{cores()} cores, {processor()}; Python {platform.python_version()}, {libraries}"


def describe_model(models: Iterable[Model], name: str) -> str:
    """Returns what the server says of the model that is asked for."""
    return "; ".join(map(_shown_model, (each for each in models if each.answers_to(name))))


def _shown_model(model: Model) -> str:
    lists = "shortlist" if model.shortlist else ""
    told = (model.name, model.precision, model.runtime, model.provider, lists)
    return ", ".join(filter(None, told))  # older servers do not say their runtime


def shown_options(arguments: argparse.Namespace) -> dict[str, str]:
    """Returns the flags that were given a value, by name; of files the name alone."""
    return {
        f"--{name.replace('_', '-')}": value.name if isinstance(value, Path) else str(value)
        for name, value in vars(arguments).items()
        if name not in _UNTOLD and value not in (None, "", [], False)
    }
