import pytest

from dragoman.target import PROXIES, Target
from dragoman.unreached import explain

REFUSED = (
    "connections to all backends failing; last error: UNKNOWN: ipv4:10.0.0.1:1: Failed to connect "
    "to remote host: Connection refused"
)
CLOSED = (
    "connections to all backends failing; last error: UNAVAILABLE: ipv4:1.2.3.4:1: Socket closed"
)


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*PROXIES, "no_proxy", "no_grpc_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("address", "local"),
    [
        ("127.0.0.1:50051", True),
        ("127.8.9.1:50051", True),
        ("localhost:50051", True),
        ("LocalHost", True),
        ("[::1]:50051", True),
        ("::1", True),
        ("dns:///localhost:50051", True),
        ("dns:localhost:50051", True),
        ("ipv4:127.0.0.1:1,127.0.0.1:2", True),
        ("ipv4:127.0.0.1:1,10.0.0.1:2", False),
        ("ipv6:[::1]:50051", True),
        ("unix:/run/dragoman.sock", True),
        ("localhost.example.org:50051", False),
        ("10.0.0.1:50051", False),
        ("dns://8.8.8.8/dragoman:50051", False),
        ("dragoman", False),
    ],
)
def test_this_machine_is_known_in_every_form(
    address: str, local: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://proxy:3128")
    assert Target(address).is_local is local
    assert Target(address).proxy == ("" if local else "proxy:3128")


@pytest.mark.parametrize(
    ("variables", "proxy"),
    [
        ({"http_proxy": "http://user:secret@proxy:3128/"}, "proxy:3128"),
        ({"http_proxy": "http://one:1", "https_proxy": "http://two:2"}, "two:2"),
        ({"https_proxy": "http://two:2", "grpc_proxy": ""}, ""),
        ({"http_proxy": "https://proxy:3128"}, ""),  # gRPC speaks to no such proxy
        ({"HTTP_PROXY": "http://proxy:3128"}, ""),  # nor does it read that
        ({"http_proxy": "http://one:1", "no_proxy": "example.org"}, ""),
        ({"http_proxy": "http://one:1", "no_proxy": "a, .example.org"}, ""),
        ({"http_proxy": "http://one:1", "no_proxy": ""}, "one:1"),
        ({"http_proxy": "http://one:1", "no_proxy": "example.org", "no_grpc_proxy": "a"}, "one:1"),
    ],
)
def test_a_proxy_is_the_one_that_grpc_takes(
    variables: dict[str, str], proxy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert Target("mt.example.org:50051").proxy == proxy


def test_networks_are_exceptions_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://one:1")
    monkeypatch.setenv("no_proxy", "10.0.0.0/8,nonsense/99")
    assert Target("10.1.2.3:50051").proxy == ""
    assert Target("11.1.2.3:50051").proxy == "one:1"


def test_an_error_through_a_proxy_names_it_and_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://user:secret@proxy:3128")
    for target in (Target("mt.example.org:1"), Target("mt.example.org:1", tls=True)):
        reason, message = explain(REFUSED, target)
        assert reason == "UNREACHABLE"
        assert "mt.example.org:1 through the proxy proxy:3128" in message
        assert "secret" not in message


@pytest.mark.parametrize(
    ("message", "reason", "words"),
    [
        (REFUSED, "UNREACHABLE", "host:1 (ipv4:10.0.0.1:1: Failed to connect to remote host"),
        (CLOSED, "UNREACHABLE", "does it want TLS?"),
        (REFUSED.replace("ipv4:10.0.0.1", "ipv6:%5B::1%5D"), "UNREACHABLE", "(ipv6:[::1]:1: Fail"),
        (
            "connections to all backends failing; last error: ipv4:1.2.3.4:1: backend unhealthy",
            "NOT_READY",
            "the server at host:1 is not ready",
        ),
        ("Socket closed", "CONNECTION_BROKEN", "the connection to the server at host:1 broke"),
        ("upstream connect error or disconnect/reset before headers", "UNREACHABLE", "upstream"),
        (REFUSED.replace(":1:", ":443:"), "UNREACHABLE", "443 is gRPC's default"),
    ],
)
def test_each_cause_has_its_reason_and_words(message: str, reason: str, words: str) -> None:
    told = explain(message, Target("host:1"))
    assert told.reason == reason
    assert words in told.message
