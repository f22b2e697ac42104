"""`dragoman health`: whether a server serves, as an exit status; for probes and scripts.

Knows the standard health protocol, grpc.health.v1. What a server's states mean is the server's.
"""

import argparse
import sys
from collections.abc import Sequence
from typing import NamedTuple

from grpc_health.v1 import health_pb2

from dragoman.arguments import utf8_size
from dragoman.commands.arguments import add_connection_options, connection_problem
from dragoman.commands.connection import connected
from dragoman.errors import DragomanError, NotFoundError

SERVING = 0
NOT_SERVING = 1
UNKNOWN = 2

FAILURE = "dragoman-bundle-failed"
"""The trailer in which a server says of a bundle why it is not served; its health.py has the same
name."""


class Health(NamedTuple):
    """What a server says of one of its services."""

    state: str
    """Name of a ServingStatus."""
    reasons: list[str]
    """Why, where it says so."""


def main(argv: Sequence[str]) -> int:
    """Asks once, prints the answer and returns the exit status."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    if problem := connection_problem(arguments):
        parser.error(problem)
    try:
        health = _ask(arguments)
    except (DragomanError, OSError) as error:
        print(f"dragoman health: {error}", file=sys.stderr)
        return UNKNOWN
    print("\n".join([health.state, *health.reasons]))
    return SERVING if health.state == "SERVING" else NOT_SERVING


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="dragoman health",
        description="Ask a server for its health by grpc.health.v1 and print it.",
        epilog="Exit status: 0 SERVING; 1 any other state; 2 no server answers, or not so.",
    )
    parser.add_argument(
        "--service",
        default="readiness",
        metavar="NAME",
        help="readiness (takes requests), liveness (need not be restarted), bundles (all that are "
        "there are served; says which are not, and why), model/NAME, a service's full name, or an "
        "empty one for the whole server; default: %(default)s",
    )
    server = parser.add_argument_group("server")
    add_connection_options(server)
    server.add_argument(
        "--timeout",
        type=float,
        default=5.0,
        metavar="SECONDS",
        help="how long it may take; default: %(default)g",
    )
    return parser


def _ask(arguments: argparse.Namespace) -> Health:
    """Returns the service's state, and what is said of it.

    Raises:
        DragomanError: The server cannot be reached or asked so, or does not know the service.
        OSError: A file cannot be read.
    """
    utf8_size(arguments.service, "--service")
    request = health_pb2.HealthCheckRequest(service=arguments.service)
    try:
        with connected(arguments) as (channel, metadata):
            check = channel.unary_unary(
                "/grpc.health.v1.Health/Check",
                health_pb2.HealthCheckRequest.SerializeToString,
                health_pb2.HealthCheckResponse.FromString,
            )
            response, call = check.with_call(request, timeout=arguments.timeout, metadata=metadata)
    except NotFoundError:
        raise NotFoundError(f"the server knows no service {arguments.service!r}") from None
    state = health_pb2.HealthCheckResponse.ServingStatus.Name(response.status)
    return Health(
        state, [str(value) for name, value in call.trailing_metadata() if name == FAILURE]
    )
