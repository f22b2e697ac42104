"""A host of its own for a container: a network namespace, joined to this machine by a cable.

Knows nothing of what runs there.
"""

import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import NamedTuple


class Network(NamedTuple):
    """Where a container is."""

    namespace: str
    """As `ip netns` names it."""
    address: str
    """As seen from here."""


@contextmanager
def network(number: int) -> Iterator[Network]:
    """Makes one; numbers of those that exist at the same time, 0 to 63, must differ."""
    namespace, cable = f"dragoman-{os.getpid()}-{number}", f"dragoman{number}"
    # 198.51.100.0/24 is for examples: hardly a network has it.
    here, there = (f"198.51.100.{4 * number + end}" for end in (1, 2))
    with ExitStack() as undo:
        _ip("netns", "add", namespace)
        undo.callback(_ip, "netns", "delete", namespace)
        _ip("link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", namespace)
        # The namespace would take it along, but only some time later.
        undo.callback(_ip, "link", "delete", cable)
        _ip("address", "add", f"{here}/30", "dev", cable)
        _ip("link", "set", cable, "up")
        _ip("-n", namespace, "address", "add", f"{there}/30", "dev", "eth0")
        _ip("-n", namespace, "link", "set", "eth0", "up")
        _ip("-n", namespace, "link", "set", "lo", "up")
        yield Network(namespace, there)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True)
