"""The command `dragoman playground`: serves the page for a server that runs.

Knows the flags. Does not know what the page does.
"""

import argparse
import signal
import sys
from collections.abc import Sequence

from dragoman.commands.arguments import (
    add_connection_options,
    api_key,
    connection_problem,
    credentials,
)
from dragoman.errors import DragomanError
from dragoman.target import MOST_PORT

DEFAULT_PORT = 8080

NOT_STARTED = 2


def main(argv: Sequence[str]) -> int:
    """Serves until it is interrupted; returns the exit status."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    if problem := connection_problem(arguments):
        parser.error(problem)
    if not 0 <= arguments.port <= MOST_PORT:
        parser.error(f"--port must be from 0 to {MOST_PORT:,}, not {arguments.port:,}")
    try:
        return _serve(arguments)
    except (DragomanError, OSError) as error:
        print(f"dragoman playground: {error}", file=sys.stderr)
        return NOT_STARTED


def _serve(arguments: argparse.Namespace) -> int:
    # Flags are explained where the extra is not installed.
    from dragoman.playground.app import make_app  # noqa: PLC0415
    from dragoman.playground.connections import Connections, Server  # noqa: PLC0415
    from dragoman.playground.listening import Listener  # noqa: PLC0415

    server = Server(
        arguments.target,
        credentials(arguments),
        api_key(arguments) or "",
        insecure_api_key=arguments.insecure_api_key,
        timeout=arguments.timeout,
    )
    clients = Connections(server)  # a wrong flag is told before anything listens
    hosts = [arguments.host, *arguments.allowed_host]
    listener = Listener(arguments.host, arguments.port, lambda: make_app(clients, hosts))
    host = f"[{arguments.host}]" if ":" in arguments.host else arguments.host
    print(f"http://{host}:{listener.port}/ is the playground of {arguments.target}; Ctrl-C ends it")
    # uvicorn ends in good order and then raises the signal again.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    listener.run()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="dragoman playground",
        description="Serve a page on which people try the models of a running server: translated "
        "as they type, with alternatives, scores and times. Needs the extra http.",
        epilog="Exit status: 0 once it was told to end; 2 where it could not start.",
    )
    page = parser.add_argument_group("the page")
    page.add_argument(
        "--host",
        default="127.0.0.1",
        metavar="ADDRESS",
        help="address that the page is served on, in plain HTTP; whoever reaches it translates "
        "with the key given here; default: %(default)s, this machine alone",
    )
    page.add_argument(
        "--port",
        type=int,
        default=DEFAULT_PORT,
        help="TCP port of the page; 0 lets the system choose; default: %(default)s",
    )
    page.add_argument(
        "--allowed-host",
        action="append",
        default=[],
        metavar="NAME",
        help="name under which the page is reached, beside localhost and any IP address: behind a "
        "proxy, say; may be repeated; default: none",
    )
    server = parser.add_argument_group("the server")
    add_connection_options(server)
    server.add_argument(
        "--timeout",
        type=float,
        default=60.0,
        metavar="SECONDS",
        help="for a translation; default: %(default)g",
    )
    return parser
