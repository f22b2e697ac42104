"""What calls of `dragoman admin` and `dragoman health` go through."""

import argparse
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from dragoman.commands.arguments import add_connection_options
from dragoman.commands.connection import connected
from dragoman.errors import ConnectError, InvalidArgumentError, ServerError

METHOD = "/any.Service/Method"


class Echo(grpc.GenericRpcHandler):
    """Answers a call with the credential that it came with; where it has none, fails."""

    def service(self, details: grpc.HandlerCallDetails) -> "grpc.RpcMethodHandler[bytes, bytes]":
        shown = dict(details.invocation_metadata).get("authorization", "")

        def answer(_: bytes, context: grpc.ServicerContext) -> bytes:
            if not shown:
                context.abort(grpc.StatusCode.INTERNAL, "no credential")
            return str(shown).encode()

        return grpc.unary_unary_rpc_method_handler(answer)


@pytest.fixture
def target() -> Iterator[str]:
    server = grpc.server(ThreadPoolExecutor(1), handlers=[Echo()])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"127.0.0.1:{port}"
    server.stop(grace=None).wait()


def asked(*argv: str) -> bytes:
    """What a call in the context is answered, with these flags."""
    parser = argparse.ArgumentParser()
    add_connection_options(parser.add_argument_group())
    with connected(parser.parse_args(argv)) as (channel, metadata):
        call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(METHOD)
        return call(b"", timeout=5, metadata=metadata)


def test_calls_are_made_with_the_key_that_is_given(target: str) -> None:
    assert asked("--target", target, "--api-key", "drgn-1") == b"Bearer drgn-1"


def test_a_call_that_fails_is_an_error_of_the_client(target: str) -> None:
    with pytest.raises(ServerError, match="no credential"):
        asked("--target", target, "--api-key", "")
    with pytest.raises(ConnectError, match="cannot reach a Dragoman server"):
        asked("--target", "127.0.0.1:1")


def test_a_key_goes_to_no_other_machine_in_plain_text() -> None:
    with pytest.raises(InvalidArgumentError, match="in plain text"):
        asked("--target", "example.org:1", "--api-key", "drgn-1")
