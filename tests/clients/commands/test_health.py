from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from dragoman.commands.health import NOT_SERVING, SERVING, UNKNOWN, main

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def states() -> health.HealthServicer:
    return health.HealthServicer()


@pytest.fixture
def target(states: health.HealthServicer) -> Iterator[str]:
    server = grpc.server(ThreadPoolExecutor(2))
    health_pb2_grpc.add_HealthServicer_to_server(states, server)
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
