"""The methods of the interfaces that settings ask for.

Knows which there are and what each needs. Imports what an interface needs only where it is asked
for: nobody else has to have it installed.
"""

from collections.abc import Callable, Iterable
from importlib import import_module
from typing import NamedTuple, cast

from dragoman_server.config import Config
from dragoman_server.errors import ConfigError
from dragoman_server.rpc import Method
from dragoman_server.service import TranslationService
from dragoman_server.terminology import Shelf

INTERFACES = ("google", "riva")
"""By name, which is also the extra that each needs."""


class Foundation(NamedTuple):
    """What interfaces stand on."""

    config: Config
    service: TranslationService
    shelf: Shelf | None
    """The server's glossaries; None where it has none."""


def interface_methods(names: Iterable[str], on: Foundation) -> dict[str, Method]:
    """Returns the methods of some interfaces by their paths.

    Raises:
        ConfigError: What one needs is not installed.
    """
    methods: dict[str, Method] = {}
    for name in names:
        methods |= _methods_of(name)(on)
    return methods


def _methods_of(name: str) -> Callable[[Foundation], dict[str, Method]]:
    try:
        module = import_module(f"dragoman_server.interfaces.{name}")
    except ModuleNotFoundError as error:
        how = f"in a clone of Dragoman, pip install '.[{name}]'"
        raise ConfigError(f"interfaces: {name} needs {error.name}: {how}") from None
    return cast("Callable[[Foundation], dict[str, Method]]", module.methods)
