"""Who scrapes gets the metrics; who does anything else on that port costs little."""

import gzip
import http.client
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress

import pytest
from prometheus_client import Gauge

from dragoman_server.monitoring import http_messages, metrics_server
from dragoman_server.monitoring.metrics import Metrics
from dragoman_server.monitoring.metrics_server import MOST_CONNECTIONS, MetricsServer

NAME = "dragoman_log_lines_lost_total"


class Serving:
    def __init__(self, metrics: Metrics) -> None:
        self.server = MetricsServer(metrics, host="127.0.0.1", port=0)
        self.port = self.server.start()

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=60)

    def exchange(self, sent: bytes) -> bytes:
        """Sends bytes; returns all that comes until the server closes."""
        with self.connect() as connection:
            connection.sendall(sent)
            return b"".join(iter(lambda: connection.recv(65536), b""))

    def get(
        self, path: str = "/metrics", method: str = "GET", **headers: str
    ) -> tuple[http.client.HTTPResponse, bytes]:
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)) as connection:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, headers=named)
            answer = connection.getresponse()
            return answer, answer.read()


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def serving(metrics: Metrics) -> Iterator[Serving]:
    serving = Serving(metrics)
    yield serving
    serving.server.close()


def test_a_scrape_gets_the_metrics_in_the_form_that_it_asks_for(serving: Serving) -> None:
    plain, page = serving.get()
    assert plain.status == 200
    assert plain.headers["Content-Type"].startswith("text/plain; version=")
    assert f"{NAME} 0.0\n".encode() in page
    accept = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.2"
    packed, body = serving.get(Accept=accept, Accept_Encoding="gzip")
    assert packed.headers["Content-Encoding"] == "gzip"
    assert packed.headers["Content-Type"].startswith("application/openmetrics-text")
    assert gzip.decompress(body).endswith(b"# EOF\n")


def test_a_scrape_may_name_what_it_wants(serving: Serving) -> None:
    _, page = serving.get(f"/metrics?name[]={NAME}")
    assert {line.split()[0] for line in page.splitlines() if line[:1] != b"#"} == {NAME.encode()}


def test_head_says_what_get_would_without_the_page(serving: Serving) -> None:
    answer, page = serving.get(method="HEAD")
    assert (answer.status, page) == (200, b"")
    assert int(answer.headers["Content-Length"]) > 1000


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", 404),
        (b"GET /metrics/../etc/passwd HTTP/1.1\r\n\r\n", 404),
        (b"POST /metrics HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello", 405),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\xff\r\n\r\n", 400),
        (b"GET http://[ HTTP/1.1\r\n\r\n", 400),
        (b"GET /metrics\r\n\r\n", 400),
        (b"\r\n\r\n", 400),
        (b"GET /metrics HTTP/1.1\r\n" + b"a: b\r\n" * 200 + b"\r\n", 400),
        (b"GET /metrics HTTP/1.1\r\na: " + b"b" * 500_000 + b"\r\n\r\n", 431),
        (b"a" * 500_000, 431),
    ],
)
def test_what_is_no_scrape_is_answered_with_an_error(
    sent: bytes, status: int, serving: Serving
) -> None:
    head, _, says = serving.exchange(sent).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert b"Content-Length: %d" % len(says) in head
    assert serving.get()[0].status == 200


@pytest.mark.parametrize("target", [b"/metrics", b"http://host:1/metrics"])
def test_odd_requests_that_mean_a_scrape_are_one(target: bytes, serving: Serving) -> None:
    request = b"GET %s HTTP/1.0\r\n\xff: \xff\r\n\r\n" % target
    assert serving.exchange(request).startswith(b"HTTP/1.1 200 ")


def test_of_pipelined_requests_the_first_is_answered_whole(serving: Serving) -> None:
    head, _, page = serving.exchange(b"GET /metrics HTTP/1.1\r\n\r\n" * 1000).partition(b"\r\n\r\n")
    assert b"Connection: close" in head
    assert b"Content-Length: %d" % len(page) in head


def test_a_request_has_to_come_in_time(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_messages, "REQUEST_SECONDS", 0.2)
    with serving.connect() as slow:
        slow.sendall(b"GET /metrics HTTP/1.1\r\na: ")
        assert slow.recv(65536).startswith(b"HTTP/1.1 408 ")


def test_an_answer_has_to_be_read_in_time(
    metrics: Metrics, serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics_server, "ANSWER_SECONDS", 0.2)
    page = "x" * 20_000_000
    Gauge("large", page, registry=metrics.registry)
    with serving.connect() as slow:
        slow.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
        slow.recv(1)
        while serving.server.connections:  # until it is let go
            pass
        received = sum(map(len, iter(lambda: slow.recv(1_000_000), b"")))
        assert received < len(page)


def test_a_thousand_idle_connections_take_no_threads_and_are_let_go_for_others(
    serving: Serving,
) -> None:
    threads = threading.active_count()
    with ExitStack() as idle:
        for _ in range(20):
            for _ in range(50):
                idle.enter_context(serving.connect())
            assert serving.get()[0].status == 200
            assert serving.server.connections <= MOST_CONNECTIONS
        assert threading.active_count() <= threads  # of other tests some may have ended


@pytest.mark.parametrize("attempt", range(8))
def test_closing_waits_for_nobody_and_leaves_no_connection_open(attempt: int) -> None:
    serving = Serving(Metrics())
    with serving.connect() as idle:
        idle.sendall(b"GET "[: attempt % 5])
        serving.server.close()
        assert serving.server.connections == 0
        with suppress(ConnectionResetError):
            assert idle.recv(1) == b""
    serving.server.close()
