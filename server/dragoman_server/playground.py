"""The page to play with beside a server: the client's, found by its entry point.

Knows where the page finds this server. Does not know what the page does: to the server it is a
client as any other.
"""

import ipaddress
from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Protocol, cast

from dragoman_server.config import Config
from dragoman_server.errors import ConfigError

GROUP = "dragoman.beside"
"""Entry points of this group are called with a host and a port, and make a Page."""


class Page(Protocol):
    """A page that is served in a thread of its own."""

    async def start(self, target: str) -> str:
        """Starts to listen for the server at `target`, and returns the address.

        Raises:
            OSError: It cannot.
        """

    async def close(self) -> None:
        """Closes the port and every connection; does nothing if not started."""


class Playground:
    """The page of one server.

    Args:
        config: Where both listen.

    Raises:
        ConfigError: What it needs is not installed.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        self._page = _page()(config.playground_host, config.playground_port)

    async def start(self, port: int) -> str:
        """Starts to listen, and returns the address.

        Args:
            port: That this server answers calls on.

        Raises:
            ConfigError: The page's port is taken.
        """
        try:
            return await self._page.start(f"{_reached(self._config.host)}:{port}")
        except OSError as error:
            where = f"{self._config.playground_host}:{self._config.playground_port}"
            raise ConfigError(
                f"the playground cannot be served on {where}: {error.strerror}"
            ) from None

    async def close(self) -> None:
        """Closes the page's port and every connection."""
        await self._page.close()


def _page() -> Callable[[str, int], Page]:
    found = entry_points(group=GROUP, name="playground")
    try:
        return cast("Callable[[str, int], Page]", next(iter(found)).load())
    except StopIteration:
        raise ConfigError("playground needs the package dragoman, installed by pip") from None
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"playground needs {error.name}: in a clone of Dragoman, pip install '.[http]'"
        ) from None


def _reached(host: str) -> str:
    """Returns under which name this machine reaches a host that it listens on."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if address.is_unspecified:
        address = ipaddress.ip_address("127.0.0.1" if address.version == 4 else "::1")  # noqa: PLR2004
    return str(address) if address.version == 4 else f"[{address}]"  # noqa: PLR2004
