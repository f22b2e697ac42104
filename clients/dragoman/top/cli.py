"""The command `dragoman top`: looks at servers again and again and shows what they do.

Knows the flags, the addresses and the terminal. Does not know what the figures mean.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from urllib.error import URLError
from urllib.parse import urlsplit

from rich.console import Console
from rich.live import Live

from dragoman.top.figures import ServerFigures, compare
from dragoman.top.page import Page, fetch
from dragoman.top.view import as_json, as_tables

DEFAULT_ADDRESS = "127.0.0.1:9464"
DEFAULT_PORT = 9464

MOST_SECONDS = 3600.0
LEAST_SECONDS = 0.1

PLAIN_WIDTH = 200
"""Where nobody knows how wide the output is."""

NO_ANSWER = 1


def main(argv: Sequence[str]) -> int:
    """Shows servers until it is interrupted, or once; returns the exit status."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    addresses: list[str] = arguments.addresses or [DEFAULT_ADDRESS]
    try:
        urls = [_url(address) for address in addresses]
    except ValueError as error:
        parser.error(str(error))
    if not LEAST_SECONDS <= arguments.interval <= MOST_SECONDS:
        parser.error(f"--interval must be from {LEAST_SECONDS:g} to {MOST_SECONDS:g} seconds")
    looks = watch(addresses, urls, arguments.interval)
    if arguments.json:
        servers = next(looks)
        print(json.dumps(as_json(servers), indent=2))
        return _status(servers)
    console = Console()
    if arguments.once or not console.is_terminal:
        servers = next(looks)
        plain = console if console.is_terminal else Console(width=PLAIN_WIDTH)
        plain.print(as_tables(servers))
        return _status(servers)
    return _show(console, looks)


def watch(
    addresses: Sequence[str],
    urls: Sequence[str],
    interval: float,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[list[ServerFigures]]:
    """Yields what the servers did in each interval; never ends.

    Args:
        addresses: As they are called.
        urls: Where their metrics are.
        interval: Seconds.
        sleep: Waits for so many seconds.
    """
    with ThreadPoolExecutor(max_workers=len(urls)) as pool:
        before = list(pool.map(_look, urls))
        while True:
            sleep(interval)
            after = list(pool.map(_look, urls))
            yield [
                _figures(address, *pages)
                for address, *pages in zip(addresses, before, after, strict=True)
            ]
            before = after


def _look(url: str) -> Page | str:
    """Returns a page, or why there is none."""
    try:
        return fetch(url)
    except URLError as error:  # an HTTP error is one too
        return str(error.reason)
    except (OSError, HTTPException, ValueError) as error:
        return str(error) or type(error).__name__


def _figures(address: str, before: Page | str, after: Page | str) -> ServerFigures:
    if isinstance(after, str):
        return ServerFigures(address, problem=after)
    return compare(address, after if isinstance(before, str) else before, after)


def _show(console: Console, looks: Iterator[list[ServerFigures]]) -> int:
    try:
        with Live(console=console, screen=True, auto_refresh=False) as live:
            live.update("looking ...", refresh=True)
            for servers in looks:
                live.update(as_tables(servers), refresh=True)
    except KeyboardInterrupt:  # how it is left
        return 0
    return 0


def _status(servers: Sequence[ServerFigures]) -> int:
    for server in servers:
        if server.problem:
            print(f"dragoman top: {server.address}: {server.problem}", file=sys.stderr)
    return NO_ANSWER if any(server.problem for server in servers) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="dragoman top",
        description="Show what servers do: models with their texts, rates, latency and refusals, "
        "the busiest callers where callers must say who they are, and processes, from the metrics "
        "of the last interval. Ctrl-C ends it. Where the output is no terminal, it is shown once.",
        epilog="Exit status: 0; with --once or --json 1 where a server does not answer; 2 wrong "
        "arguments.",
    )
    parser.add_argument(
        "addresses",
        nargs="*",
        metavar="ADDRESS",
        help=f"host:port of a server's metrics (without a port {DEFAULT_PORT}), or their http URL; "
        f"default: {DEFAULT_ADDRESS}",
    )
    parser.add_argument(
        "--interval",
        type=float,
        default=2.0,
        metavar="SECONDS",
        help="between two looks; default: %(default)g",
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--once", action="store_true", help="show one interval and end")
    form.add_argument("--json", action="store_true", help="likewise, as JSON")
    return parser


def _url(address: str) -> str:
    """Returns where the metrics are.

    Raises:
        ValueError: The address is none.
    """
    url = urlsplit(address if "://" in address else f"http://{address}")
    try:
        host, port = url.hostname, url.port
    except ValueError:
        host = port = None
    if (
        url.scheme not in {"http", "https"}
        or not host
        or not address.isprintable()
        or " " in address
    ):
        raise ValueError(f"{address!r} is no address; wanted is host:port, or an http URL")
    if "://" in address:
        return address
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{port or DEFAULT_PORT}{url.path or '/metrics'}"
