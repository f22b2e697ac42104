from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import grpc
import pytest
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from dragoman.commands.health import FAILURE, NOT_SERVING, SERVING, UNKNOWN, main
from dragoman_server.service import health as server_health

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def states() -> health.HealthServicer:
    return health.HealthServicer()


@pytest.fixture
def target(states: health.HealthServicer) -> Iterator[str]:
    with serving(states) as address:
        yield address


@contextmanager
def serving(servicer: health_pb2_grpc.HealthServicer) -> Iterator[str]:
    """Serves it alone, and yields the address."""
    server = grpc.server(ThreadPoolExecutor(2))
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"127.0.0.1:{port}"
    server.stop(grace=None).wait()


@pytest.mark.parametrize(
    ("state", "status"),
    [("SERVING", SERVING), ("NOT_SERVING", NOT_SERVING), ("UNKNOWN", NOT_SERVING)],
)
def test_the_state_is_printed_and_is_the_exit_status(
    state: str, status: int, states: health.HealthServicer, target: str, capsys: Capture
) -> None:
    states.set("readiness", health_pb2.HealthCheckResponse.ServingStatus.Value(state))
    assert main(["--target", target]) == status
    assert capsys.readouterr().out == f"{state}\n"


def test_each_service_has_a_state_of_its_own(states: health.HealthServicer, target: str) -> None:
    states.set("readiness", health_pb2.HealthCheckResponse.NOT_SERVING)
    states.set("liveness", health_pb2.HealthCheckResponse.SERVING)
    assert main(["--target", target]) == NOT_SERVING
    assert main(["--target", target, "--service", "liveness"]) == SERVING


class FailingBundles(health_pb2_grpc.HealthServicer):
    """Says in trailers why it does not serve, as Dragoman does."""

    def Check(  # noqa: N802  gRPC's name
        self, request: health_pb2.HealthCheckRequest, context: grpc.ServicerContext
    ) -> health_pb2.HealthCheckResponse:
        assert request.service == "bundles"
        reasons = ("a: damaged", "b: no room")
        context.set_trailing_metadata(
            (("other", "not this"), *((FAILURE, reason) for reason in reasons))
        )
        return health_pb2.HealthCheckResponse(status=health_pb2.HealthCheckResponse.NOT_SERVING)


def test_reasons_are_printed_below_the_state(capsys: Capture) -> None:
    with serving(FailingBundles()) as target:
        assert main(["--target", target, "--service", "bundles"]) == NOT_SERVING
    assert capsys.readouterr().out == "NOT_SERVING\na: damaged\nb: no room\n"


def test_the_server_tells_reasons_by_the_name_that_is_looked_for() -> None:
    assert server_health.FAILURE == FAILURE


def test_an_unknown_service_and_no_server_are_told(target: str, capsys: Capture) -> None:
    assert main(["--target", target, "--service", "nothing"]) == UNKNOWN
    assert main(["--target", "127.0.0.1:1"]) == UNKNOWN
    unknown, nobody = capsys.readouterr().err.splitlines()
    assert unknown == "dragoman health: the server knows no service 'nothing'"
    assert "cannot reach a Dragoman server at 127.0.0.1:1" in nobody


def test_wrong_flags_are_told(capsys: Capture) -> None:
    with pytest.raises(SystemExit):
        main(["--timeout", "0"])
    assert "--timeout must be more than 0" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["--timeout", "inf"])
    assert "--timeout must be at most 1,000,000,000 seconds" in capsys.readouterr().err


def test_flags_that_cannot_be_sent_are_told(capsys: Capture) -> None:
    assert main(["--target", "h\udce4:1"]) == UNKNOWN
    assert main(["--service", "\udce4"]) == UNKNOWN
    target, service = capsys.readouterr().err.splitlines()
    assert target == "dragoman health: target has the lone surrogate U+DCE4 at 1"
    assert service == "dragoman health: --service has the lone surrogate U+DCE4 at 0"
