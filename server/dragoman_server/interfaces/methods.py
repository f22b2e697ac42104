"""The methods of the interfaces that settings ask for.

Knows which there are and what each needs. Imports what an interface needs only where it is asked
for: nobody else has to have it installed.
"""

from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, NamedTuple, cast

from dragoman_server.config import Config
from dragoman_server.errors import ConfigError
from dragoman_server.rpc import Method
from dragoman_server.service import TranslationService
from dragoman_server.terminology import Shelf

if TYPE_CHECKING:
    from dragoman_server.interfaces.http import HttpServer

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


def http_server(
    config: Config, methods: Mapping[str, Method], *, shares_port: bool = False
) -> "HttpServer":
    """Returns what answers those who speak HTTP, not yet started.

    Raises:
        ConfigError: What it needs is not installed.
    """
    module = _imported("http", "http_port")
    server: HttpServer = module.HttpServer(config, methods, shares_port=shares_port)
    return server


def _methods_of(name: str) -> Callable[[Foundation], dict[str, Method]]:
    module = _imported(name, f"interfaces: {name}")
    return cast("Callable[[Foundation], dict[str, Method]]", module.methods)


def _imported(name: str, setting: str) -> ModuleType:
    try:
        return import_module(f"dragoman_server.interfaces.{name}")
    except ModuleNotFoundError as error:
        how = f"in a clone of Dragoman, pip install '.[{name}]'"
        raise ConfigError(f"{setting} needs {error.name}: {how}") from None
