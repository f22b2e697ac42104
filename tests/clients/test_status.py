import pickle

import grpc
import pytest
from google.rpc import code_pb2  # type: ignore[import-untyped]

from dragoman import (
    AuthenticationError,
    CallCancelledError,
    Client,
    ConnectError,
    DeadlineExceededError,
    DragomanError,
    FieldViolation,
    InvalidArgumentError,
    NotFoundError,
    QueueFullError,
    ServerError,
    UnavailableError,
)
from dragoman.status import error_from_rpc, error_from_status
from dragoman.target import Target
from tests.clients.fake_server import FakeServer, bad_field, cause, queue_full, status

KINDS: dict[grpc.StatusCode, type[DragomanError]] = {
    grpc.StatusCode.INVALID_ARGUMENT: InvalidArgumentError,
    grpc.StatusCode.NOT_FOUND: NotFoundError,
    grpc.StatusCode.UNAUTHENTICATED: AuthenticationError,
    grpc.StatusCode.PERMISSION_DENIED: AuthenticationError,
    grpc.StatusCode.RESOURCE_EXHAUSTED: QueueFullError,
    grpc.StatusCode.UNAVAILABLE: UnavailableError,
    grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineExceededError,
    grpc.StatusCode.CANCELLED: CallCancelledError,
}
FAILURES = [code for code in grpc.StatusCode if code is not grpc.StatusCode.OK]


@pytest.mark.parametrize("code", FAILURES, ids=lambda code: code.name)
def test_each_status_is_its_exception(code: grpc.StatusCode) -> None:
    error = error_from_status(status(code.value[0], "why", cause("REASON", key="value")))
    assert type(error) is KINDS.get(code, ServerError)
    assert error.code is code
    assert (str(error), error.reason, error.metadata) == ("why", "REASON", {"key": "value"})


@pytest.mark.parametrize("code", FAILURES, ids=lambda code: code.name)
def test_each_failed_call_is_its_exception(server: FakeServer, code: grpc.StatusCode) -> None:
    server.failures += [status(code.value[0], "why", cause("REASON"))] * 4
    with (
        Client(server.target, retry_seconds=0) as client,
        pytest.raises(DragomanError, match="why") as caught,
    ):
        client.translate("a")
    assert type(caught.value) is KINDS.get(code, ServerError)
    assert caught.value.code is code


def test_unavailable_without_details_did_not_come_from_a_server() -> None:
    error = error_from_rpc(
        plain_error(grpc.StatusCode.UNAVAILABLE, "Socket closed"), Target("host:1")
    )
    assert isinstance(error, ConnectError)
    assert error.reason == "CONNECTION_BROKEN"
    assert str(error) == "the connection to the server at host:1 broke (Socket closed)"


def test_a_call_that_http2_refuses_may_come_again() -> None:
    said = "Received RST_STREAM with error code 7"
    error = error_from_rpc(plain_error(grpc.StatusCode.UNAVAILABLE, said), Target("host:1"))
    assert type(error) is QueueFullError
    assert error.reason == "TOO_MANY_CALLS"
    assert "host:1" in str(error)


def test_a_certificate_for_another_host_is_no_missing_credential() -> None:
    said = "call host does not match SSL server name"
    target = Target("host:1", tls=True)
    error = error_from_rpc(plain_error(grpc.StatusCode.UNAUTHENTICATED, said), target)
    assert isinstance(error, ConnectError)
    assert error.reason == "TLS_FAILED"
    assert "its certificate is not for this host" in str(error)


def test_unimplemented_says_that_the_server_is_another() -> None:
    error = error_from_rpc(
        plain_error(grpc.StatusCode.UNIMPLEMENTED, "unknown service"), Target("host:1")
    )
    assert "host:1 is not a Dragoman server" in str(error)


def test_a_stream_that_ends_while_it_is_written_to_is_a_broken_connection() -> None:
    masked = plain_error(grpc.StatusCode.INTERNAL, "Internal error from Core")
    assert isinstance(error_from_rpc(masked, Target("host:1")), ConnectError)


def test_a_message_that_is_too_large_is_not_a_full_queue() -> None:
    details = "SERVER: Received message larger than max (5000000 vs. 4194304)"
    error = error_from_rpc(
        plain_error(grpc.StatusCode.RESOURCE_EXHAUSTED, details), Target("host:1")
    )
    assert isinstance(error, InvalidArgumentError)
    assert error.reason == "MESSAGE_TOO_LARGE"


def test_violations_are_in_the_message_once() -> None:
    description = "options.beam_size is 9; allowed: 1 to 8"
    wrong = bad_field("options.beam_size", description, "OUT_OF_RANGE")
    repeated = error_from_status(status(code_pb2.INVALID_ARGUMENT, description, wrong))
    short = error_from_status(status(code_pb2.INVALID_ARGUMENT, "bad request", wrong))
    assert str(repeated) == description
    assert str(short) == f"bad request ({description})"
    assert isinstance(short, InvalidArgumentError)
    assert short.violations == (FieldViolation("options.beam_size", description, "OUT_OF_RANGE"),)


def test_an_error_survives_pickling() -> None:
    error = error_from_status(queue_full(0.5))
    copy = pickle.loads(pickle.dumps(error))
    assert isinstance(copy, QueueFullError)
    assert (str(copy), copy.reason, copy.retry_after) == (str(error), "QUEUE_FULL", 0.5)
    assert copy.code is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_a_code_of_the_future_is_a_server_error() -> None:
    error = error_from_status(status(99, ""))
    assert type(error) is ServerError
    assert str(error) == "the server answered UNKNOWN without a message"


def plain_error(code: grpc.StatusCode, details: str) -> grpc.RpcError:
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), grpc.aio.Metadata(), details)
