"""`dragoman admin`: lists, loads and unloads the bundles of a server while it runs.

Knows the AdminService's calls and how their answers are printed. What they do is the server's.
"""

import argparse
import sys
from collections.abc import Callable, Iterable, Sequence

import grpc
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from dragoman.channel import open_channel
from dragoman.commands.arguments import (
    add_connection_options,
    api_key,
    connection_problem,
    credentials,
)
from dragoman.credentials import Metadata, as_api_key, metadata_of
from dragoman.errors import DragomanError
from dragoman.status import error_from_rpc
from dragoman.target import Target, as_address
from dragoman.v1 import admin_pb2 as pb
from dragoman.v1.admin_pb2_grpc import AdminServiceStub

DONE, REFUSED = 0, 1

TARGET = "127.0.0.1:50052"

Ask = Callable[[AdminServiceStub, argparse.Namespace, Metadata], Iterable[pb.Bundle]]


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
    for name, help_text, ask, operands in (
        ("list", "show all that are loaded or on disk", _list, ()),
        ("load", "load a bundle, or load it again as it is now", _load, ("bundle",)),
        ("unload", "serve a bundle no longer", _unload, ("bundle",)),
        ("default", "choose the version that a model's name means", _default, ("model", "version")),
    ):
        action = actions.add_parser(name, help=help_text, description=help_text.capitalize() + ".")
        for operand in operands:
            action.add_argument(operand)
        server = action.add_argument_group("server")
        add_connection_options(server)
        server.set_defaults(target=TARGET)
        server.add_argument(
            "--timeout",
            type=float,
            default=600.0,
            metavar="SECONDS",
            help="how long it may take, loading included; default: %(default)g",
        )
        action.set_defaults(ask=ask)
    return parser


def _asked(arguments: argparse.Namespace) -> list[pb.Bundle]:
    """Does what is asked for and returns what there is then.

    Raises:
        DragomanError: The server cannot be reached, or refuses.
        OSError: A file cannot be read.
    """
    tls = credentials(arguments)
    target = Target(as_address(arguments.target), tls=tls is not None)
    key = as_api_key(api_key(arguments), target, insecure=arguments.insecure_api_key)
    ask: Ask = arguments.ask
    with open_channel(target.address, tls, options=()) as channel:
        try:
            return list(ask(AdminServiceStub(channel), arguments, metadata_of(key)))
        except grpc.RpcError as error:
            raise error_from_rpc(error, target) from None


def _list(
    stub: AdminServiceStub, arguments: argparse.Namespace, metadata: Metadata
) -> Iterable[pb.Bundle]:
    request = pb.ListBundlesRequest()
    return stub.ListBundles(request, timeout=arguments.timeout, metadata=metadata).bundles


def _load(
    stub: AdminServiceStub, arguments: argparse.Namespace, metadata: Metadata
) -> Iterable[pb.Bundle]:
    request = pb.LoadBundleRequest(bundle=arguments.bundle)
    stub.LoadBundle(request, timeout=arguments.timeout, metadata=metadata)
    return _list(stub, arguments, metadata)


def _unload(
    stub: AdminServiceStub, arguments: argparse.Namespace, metadata: Metadata
) -> Iterable[pb.Bundle]:
    request = pb.UnloadBundleRequest(bundle=arguments.bundle)
    stub.UnloadBundle(request, timeout=arguments.timeout, metadata=metadata)
    return _list(stub, arguments, metadata)


def _default(
    stub: AdminServiceStub, arguments: argparse.Namespace, metadata: Metadata
) -> Iterable[pb.Bundle]:
    request = pb.SetDefaultVersionRequest(model=arguments.model, version=arguments.version)
    stub.SetDefaultVersion(request, timeout=arguments.timeout, metadata=metadata)
    return _list(stub, arguments, metadata)


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
