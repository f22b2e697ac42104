"""Whether the ports can be listened on, and who does where they cannot.

Knows addresses. Does not know what is said over them.
"""

import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from dragoman_server.config import Config
from dragoman_server.doctor.finding import Finding

PROC = Path("/proc")

_LISTENING = "0A"
"""State of a socket in /proc/net/tcp."""


class _Address(NamedTuple):
    setting: str
    host: str
    port: int


def check_ports(config: Config, proc: Path = PROC) -> Iterator[Finding]:
    """Tries each address that a server would listen on."""
    addresses = [_Address("port", config.host, config.port)]
    if config.health_port is not None:
        addresses.append(_Address("health_port", config.host, config.health_port))
    if config.http_port is not None:
        addresses.append(_Address("http_port", config.http_host, config.http_port))
    addresses.append(_Address("prometheus_port", config.prometheus_host, config.prometheus_port))
    if config.playground:
        where = _Address("playground_port", config.playground_host, config.playground_port)
        addresses.append(where)
    times = Counter(address.port for address in addresses if address.port)
    for address in addresses:
        if times[address.port] > 1:
            found = f"{address.port} is asked for by {times[address.port]} settings"
            yield Finding(address.setting, "problem", found, "give each a port of its own")
        else:
            yield _tried(address, proc)


def _tried(address: _Address, proc: Path) -> Finding:
    setting, host, port = address
    shown = f"{host}:{port}"
    try:
        kind = socket.SOCK_STREAM
        family, _, protocol, _, where = socket.getaddrinfo(host, port, type=kind)[0]
        with socket.socket(family, kind, protocol) as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tried.bind(where)
            tried.listen(1)
    except OSError as error:
        who = "; ".join(_listeners(port, proc))
        found = f"{shown}: {error.strerror}" + (f", by {who}" if who else "")
        return Finding(setting, "problem", found, _advice(error, port))
    if not port:
        return Finding(setting, "ok", f"{host}: the system chooses a port")
    return Finding(setting, "ok", f"{shown} is free")


def _advice(error: OSError, port: int) -> str:
    if isinstance(error, PermissionError):
        return "take a port from 1024 on, or allow this one (CAP_NET_BIND_SERVICE)"
    if isinstance(error, socket.gaierror):
        return "take an address of this machine, or a name that has one"
    if _listeners(port, PROC):
        return "end who listens there, or take another port"
    return "take an address of this machine that is free"


def _listeners(port: int, proc: Path) -> list[str]:
    """Returns the processes that listen on a port, as far as the system tells this one."""
    inodes = {inode for table in ("tcp", "tcp6") for inode in _inodes(proc / "net" / table, port)}
    if not port or not inodes:
        return []
    found = []
    for process in proc.glob("[0-9]*"):
        if _links(process) & {f"socket:[{inode}]" for inode in inodes}:
            with suppress(OSError):
                command = (process / "cmdline").read_bytes().replace(b"\0", b" ")
                shown = command[:60].decode(errors="replace").strip()
                found.append(f"process {process.name} ({shown})")
    return found or ["a process of another user"]


def _links(process: Path) -> set[str]:
    """Returns what a process has open, as far as this one may know."""
    links = set()
    with suppress(OSError):
        for descriptor in (process / "fd").iterdir():
            with suppress(OSError):  # closed by now
                links.add(str(descriptor.readlink()))
    return links


def _inodes(table: Path, port: int) -> Iterator[str]:
    with suppress(OSError):
        for line in table.read_text("utf-8").splitlines()[1:]:
            fields = line.split()
            if fields[3] == _LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                yield fields[9]
