"""`dragoman admin`: lists, loads and unloads the bundles of a server while it runs.

Knows the AdminService's calls and how their answers are printed. What they do is the server's.
"""

import argparse
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import grpc
from google.protobuf.message import Message
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from dragoman.commands.arguments import add_connection_options, connection_problem
from dragoman.commands.connection import connected
from dragoman.errors import DragomanError
from dragoman.v1 import admin_pb2 as pb
from dragoman.v1.admin_pb2_grpc import AdminServiceStub

DONE, REFUSED = 0, 1

TARGET = "127.0.0.1:50052"

Change = Callable[
    [AdminServiceStub, argparse.Namespace],
    tuple["grpc.UnaryUnaryMultiCallable[Any, Any]", Message],
]
"""Returns the call that an action makes, and its request."""

_CHANGES: Mapping[str, Change | None] = {
    "list": None,
    "load": lambda stub, its: (stub.LoadBundle, pb.LoadBundleRequest(bundle=its.bundle)),
    "unload": lambda stub, its: (stub.UnloadBundle, pb.UnloadBundleRequest(bundle=its.bundle)),
    "default": lambda stub, its: (
        stub.SetDefaultVersion,
        pb.SetDefaultVersionRequest(model=its.model, version=its.version),
    ),
}


def main(argv: Sequence[str]) -> int:
    """Asks once, prints what there is then and returns the exit status."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    if problem := connection_problem(arguments):
        parser.error(problem)
    try:
        bundles = _asked(arguments)
    except (DragomanError, OSError) as error:
        print(f"dragoman admin: {error}", file=sys.stderr)
        return REFUSED
    print(_table(bundles), end="")
    return DONE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="dragoman admin",
        description="List, load and unload the bundles of a server while it runs; it listens for "
        "this on its admin_port. A bundle is named as its directory is called on the server.",
        epilog="Exit status: 0 done; 1 refused, or no server answers; 2 wrong arguments.",
    )
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    for name, help_text, operands in (
        ("list", "show all that are loaded or on disk", ()),
        ("load", "load a bundle, or load it again as it is now", ("bundle",)),
        ("unload", "serve a bundle no longer", ("bundle",)),
        ("default", "choose the version that a model's name means", ("model", "version")),
    ):
        action = actions.add_parser(name, help=help_text, description=help_text.capitalize() + ".")
        for operand in operands:
            action.add_argument(operand)
        server = action.add_argument_group("server")
        add_connection_options(server, target=TARGET)
        server.add_argument(
            "--timeout",
            type=float,
            default=600.0,
            metavar="SECONDS",
            help="how long it may take, loading included; default: %(default)g",
        )
        action.set_defaults(change=_CHANGES[name])
    return parser


def _asked(arguments: argparse.Namespace) -> list[pb.Bundle]:
    """Does what is asked for and returns what there is then.

    Raises:
        DragomanError: The server cannot be reached, or refuses.
        OSError: A file cannot be read.
    """
    with connected(arguments) as (channel, metadata):
        stub = AdminServiceStub(channel)
        if arguments.change is not None:
            change: Change = arguments.change
            call, request = change(stub, arguments)
            call(request, timeout=arguments.timeout, metadata=metadata)
        listing = pb.ListBundlesRequest()
        return list(stub.ListBundles(listing, timeout=arguments.timeout, metadata=metadata).bundles)


def _table(bundles: Iterable[pb.Bundle]) -> str:
    table = Table("bundle", "state", "model", "version", "default", "reason")
    for each in bundles:
        state = pb.BundleState.Name(each.state).removeprefix("BUNDLE_STATE_").lower()
        default = "yes" if each.is_default else ""
        words = (each.bundle, state, each.model, each.version, default, each.reason)
        table.add_row(*map(escape, words))
    console = Console()
    with console.capture() as shown:
        console.print(table)
    return shown.get()
