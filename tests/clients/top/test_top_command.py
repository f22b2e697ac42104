"""`dragoman top` before servers whose pages are written here."""

import functools
import io
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from rich.console import Console

from dragoman.top import cli
from dragoman.top.cli import NO_ANSWER, main, watch
from dragoman.top.figures import CallerFigures, ServerFigures
from dragoman.top.view import as_tables
from tests.clients.top.pages import callers, page

Capture = pytest.CaptureFixture[str]


class Server(HTTPServer):
    """Says one page after the other, the last one again and again."""

    def __init__(self, *pages: str) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.pages = list(pages)
        self.paths: list[str] = []

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_port}"


class Answer(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.paths.append(self.path)
        said = self.server.pages[0]
        if len(self.server.pages) > 1:
            del self.server.pages[0]
        self.send_response(200)
        self.end_headers()
        self.wfile.write(said.encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(page(requests=0), page(requests=100)) as started:
        thread = threading.Thread(target=started.serve_forever, args=(0.01,))
        thread.start()
        yield started
        started.shutdown()
        thread.join()


def test_once_shows_an_interval_as_plain_text(server: Server, capsys: Capture) -> None:
    assert main([server.address, "--once", "--interval", "0.1"]) == 0
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    lines = [line.split() for line in shown.splitlines()]
    (model,) = [line for line in lines if line and line[0] == "en-de@2"]
    assert model[1:5] == ["12", "3", "6", "25%"]
    assert model[-8:] == ["75", "ms", "98", "ms", "98", "ms", "125", "ms"]
    (process,) = [line for line in lines if line and line[0] == server.address]
    assert process[1:] == ["0.00", "3.0", "GiB", "0", "7"]
    assert server.paths == ["/metrics", "/metrics"]


def test_the_busiest_callers_are_shown_where_there_are_any(server: Server, capsys: Capture) -> None:
    names = [f"caller{number:02}" for number in range(12)]
    before, after = dict.fromkeys(names, 0), dict.fromkeys(names, 12)
    server.pages = [page() + callers(before), page() + callers(after, limited=40)]
    assert main([server.address, "--once", "--interval", "0.1"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    (heading,) = [number for number, line in enumerate(lines) if line[:1] == ["caller"]]
    assert lines[heading] == ["caller", "req/s", "refused/s", "texts/s", "of", "bulk", "tokens/s"]
    assert [line[0] for line in lines[heading + 1 : heading + 11]] == names[:10]
    assert lines[heading + 11] == ["(2", "more)"]
    requests, refused, texts, bulk, tokens = (
        float(cell.replace(",", "")) for cell in lines[heading + 1][1:]
    )
    assert 0 < bulk < texts < tokens
    assert 0 < refused < requests


def test_without_callers_there_is_no_table_of_them(server: Server, capsys: Capture) -> None:
    assert main([server.address, "--once", "--interval", "0.1"]) == 0
    assert "caller" not in capsys.readouterr().out


def test_json_is_for_scripts(server: Server, capsys: Capture) -> None:
    server.pages[:] = [page() + callers({"acme": 0}), page(requests=100) + callers({"acme": 3})]
    assert main([f"http://{server.address}/metrics", "--json", "--interval", "0.1"]) == 0
    (shown,) = json.loads(capsys.readouterr().out)
    assert shown["problem"] == ""
    assert shown["callers"][0]["caller"] == "acme"
    assert shown["callers"][0]["texts_per_second"] > 0
    assert shown["callers_left_out"] == 0
    (model,) = shown["models"]
    assert (model["model"], model["versions"], model["latency_p50"]) == (
        "en-de",
        ["2"],
        pytest.approx(0.075),
    )
    assert model["requests_per_second"] > 0


def test_a_server_that_does_not_answer_is_told_beside_those_that_do(
    server: Server, capsys: Capture
) -> None:
    with Server("") as gone:
        absent = gone.address
    assert main([server.address, absent, "--once", "--interval", "0.1"]) == NO_ANSWER
    shown = capsys.readouterr()
    assert f"{server.address} en-de@2" in shown.out
    assert "Connection refused" in shown.out
    assert f"dragoman top: {absent}: " in shown.err


def test_what_is_no_page_of_metrics_is_told(server: Server, capsys: Capture) -> None:
    server.pages = ["<html>"]
    assert main([server.address, "--once", "--interval", "0.1"]) == NO_ANSWER
    assert "not Prometheus' text format" in capsys.readouterr().out


def test_a_server_that_comes_back_is_shown_again(server: Server) -> None:
    server.pages = ["<html>", "<html>", page(requests=1), page(requests=3)]
    url = f"http://{server.address}/metrics"
    looks = watch(["a"], [url], 1.0, sleep=lambda _: None)
    assert next(looks)[0].problem
    (model,) = next(looks)[0].models
    assert model.requests_per_second is None  # nothing to compare with yet
    (model,) = next(looks)[0].models
    assert model.requests_per_second is not None


def test_a_terminal_is_kept_up_to_date_until_it_is_left(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=200, height=40)
    monkeypatch.setattr(cli, "Console", lambda: console)

    def leave(seconds: float) -> None:
        assert seconds == 2.0
        if len(server.paths) > 2:
            raise KeyboardInterrupt

    monkeypatch.setattr("dragoman.top.cli.watch", functools.partial(watch, sleep=leave))
    assert main([server.address]) == 0
    assert "en-de@2" in screen.getvalue()
    assert screen.getvalue().endswith("\x1b[?25h\x1b[?1049l")  # as it was before


@pytest.mark.parametrize("address", ["", "a b:1", "h:x", "ftp://h", "h:99999", "http://"])
def test_what_is_no_address_is_told(address: str, capsys: Capture) -> None:
    with pytest.raises(SystemExit, match="2"):
        main([address, "--once"])
    assert "is no address" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("h", "http://h:9464/metrics"),
        ("h:1", "http://h:1/metrics"),
        ("[::1]:1", "http://[::1]:1/metrics"),
        ("https://h/other", "https://h/other"),
    ],
)
def test_an_address_says_where_the_metrics_are(address: str, url: str) -> None:
    assert cli._url(address) == url


@pytest.mark.parametrize("interval", ["0", "nan", "1e9"])
def test_an_interval_has_limits(interval: str, capsys: Capture) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["--interval", interval])
    assert "--interval must be from 0.1 to 3600 seconds" in capsys.readouterr().err


def test_what_a_server_says_is_not_taken_for_markup() -> None:
    console = Console(file=io.StringIO(), width=100)
    caller = CallerFigures("[red]c[/]", 1.0, 0.0, 1.0, 0.0, 1.0)
    console.print(as_tables([ServerFigures("[red]a[/]", "[bold]no", callers=(caller,))]))
    assert isinstance(console.file, io.StringIO)
    assert "[red]a[/]" in console.file.getvalue()
    assert "[red]c[/]" in console.file.getvalue()
    assert "[bold]no" in console.file.getvalue()
