"""What comes over HTTP, whichever interface is asked: bounded, drained, encrypted, shared."""

import asyncio
import gc
import http.client
import json
import socket
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from cryptography import x509

from dragoman_server.access import watched_files
from dragoman_server.errors import ConfigError
from tests.server.certificates import Authority
from tests.server.service.harness import Running, make_config
from tests.server.service.test_access import KEY, entries, entry
from tests.server.service.test_tls import reloads, until

pytest.importorskip("starlette")
http_served = pytest.importorskip("tests.server.interfaces.http_served")

FORM, get, port_of, post = (
    http_served.FORM,
    http_served.get,
    http_served.port_of,
    http_served.post,
)
speaking_http = http_served.speaking_http

PATH = "/translate"
REQUEST = {"q": "a", "source": "en", "target": "de"}
HEAD = b"POST /translate HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n"
BODY = json.dumps(REQUEST).encode()


@pytest.fixture
async def server() -> AsyncIterator[Running]:
    async with speaking_http() as server:
        yield server


@pytest.fixture
async def hasty() -> AsyncIterator[Running]:
    async with speaking_http(message_timeout_seconds=0.1) as server:
        yield server


async def sent(server: Running, *parts: bytes) -> tuple[asyncio.StreamReader, Any]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port_of(server))
    for part in parts:
        writer.write(part)
    return reader, writer


async def all_of(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(60):
        return await reader.read()


async def test_there_is_no_http_unless_it_is_asked_for() -> None:
    assert make_config().http_port is None


async def test_bodies_are_bounded() -> None:
    async with speaking_http(max_message_bytes=1024) as server:
        answer = await post(server, PATH, REQUEST | {"q": "a" * 1024})
        assert answer.status == 413
        assert answer.body == {"error": "the body has more than 1,024 bytes, which is the most"}
        assert answer.headers["connection"] == "close"
        chunk = b"400\r\n" + b"a" * 1024 + b"\r\n"
        reader, writer = await sent(server, HEAD, b"transfer-encoding: chunked\r\n\r\n", chunk * 2)
        assert b" 413 " in await reader.readline()
        writer.close()


@pytest.mark.parametrize(
    ("content", "headers", "status", "message"),
    [
        (b"{}", {"content-type": "text/plain"}, 415, "the body is 'text/plain'; allowed: "),
        (b"{}", {"content-type": "multipart/form-data"}, 415, "multipart"),
        (b"{", http_served.JSON, 400, "no object of JSON"),
        (b"[]", http_served.JSON, 400, "no object of JSON"),
        (b"[" * 5_000, http_served.JSON, 400, "no object of JSON"),
        (b'{"x": [' + b"[]," * 3000 + b"0]}", http_served.JSON, 400, "more than 5,120 values"),
        (b'{"q": "' + b'[{,\\"' * 1000, http_served.JSON, 400, "no object of JSON"),
        # A string without an end, which was read from each of its quotes on, for minutes.
        (b'{"' + b"," * 6000 + b'\\"' * 120_000, http_served.JSON, 400, "no object of JSON"),
        (b"q=%ff", FORM, 400, "no form in UTF-8"),
        (b"&".join(b"a=b" for _ in range(5000)), FORM, 400, "at most 4,096 fields"),
        (BODY, http_served.JSON | {"x-request-timeout": "soon"}, 400, "is 'soon'; allowed: sec"),
        (BODY, http_served.JSON | {"x-request-timeout": "nan"}, 400, "is 'nan'; allowed: sec"),
        (b"\xff\xfe" + BODY.decode().encode("utf-16-le"), http_served.JSON, 400, "in UTF-8"),
        (b'{"q": "a\\ud800"}', http_served.JSON, 400, "half of a surrogate pair"),
        (b'{"q": "a", "api_key": "\\uDC00"}', http_served.JSON, 400, "half of a surrogate pair"),
        (b'{"q": "a\xed\xa0\x80"}', http_served.JSON, 400, "in UTF-8"),
        (BODY, http_served.JSON | {"sec-fetch-site": "cross-site"}, 403, "other sites"),
        (BODY, http_served.JSON | {"origin": "http://evil.example"}, 403, "other sites"),
        (BODY, http_served.JSON | {"origin": "http://["}, 403, "other sites"),
        (BODY, http_served.JSON | {"origin": "null"}, 403, "other sites"),
        (
            BODY,
            http_served.JSON | {"origin": "http://evil.example", "host": "evil.example"},
            403,
            "a page may ask under an IP address or localhost",
        ),
        (
            BODY,
            http_served.JSON | {"sec-fetch-site": "same-origin", "host": "["},
            403,
            "a page may ask under an IP address or localhost",
        ),
    ],
)
async def test_what_is_no_request_is_told_why(
    server: Running, content: bytes, headers: dict[str, str], status: int, message: str
) -> None:
    answer = await post(server, PATH, content, headers)
    assert answer.status == status
    assert message in answer.body["error"]
    refused = {"interface": "libretranslate", "code": "INVALID_ARGUMENT"}
    assert server.sample("dragoman_interface_requests_total", **refused) == 1


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://localhost:80", "host": "localhost:80"},
        {"origin": "http://127.0.0.1", "host": "127.0.0.1"},
        {"origin": "http://[::1]:80", "host": "[::1]:80"},
        {"origin": "https://proxy.example", "host": "localhost", "sec-fetch-site": "same-origin"},
        {"host": "evil.example"},
    ],
)
async def test_pages_of_its_own_and_clients_that_are_no_browser_may_ask(
    server: Running, headers: dict[str, str]
) -> None:
    assert (await post(server, PATH, BODY, http_served.JSON | headers)).status == 200


async def test_a_name_says_nothing_where_keys_do() -> None:
    page = {"origin": "http://our.example", "host": "our.example", "x-api-key": KEY}
    async with speaking_http(api_key_entries=entries(entry())) as server:
        assert (await post(server, PATH, BODY, http_served.JSON | page)).status == 200


async def test_texts_may_have_any_signs_of_json(server: Running) -> None:
    text = '[{,\\"' * 3000
    assert (await post(server, PATH, REQUEST | {"q": text})).body == {"translatedText": text}


async def test_halves_of_characters_that_make_a_whole_are_read(server: Running) -> None:
    body = b'{"q": "\\ud83d\\ude00 \\\\ud800", "source": "en", "target": "de"}'
    answer = await post(server, PATH, body)
    assert answer.body == {"translatedText": "\U0001f600 \\ud800"}


async def test_nobody_is_led_elsewhere(server: Running) -> None:
    answer = await post(server, f"{PATH}/", BODY, http_served.JSON | {"host": "evil.example"})
    assert answer.status == 404
    assert "location" not in answer.headers


CHUNKED = b" HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("parts", "status"),
    [
        ((b"POST /suggest" + CHUNKED, b"zz\r\n"), b"403"),
        ((b"POST /suggest" + CHUNKED + b"zz\r\n",), b"400"),
        ((b"GET /translate" + CHUNKED, b"zz\r\n"), b"405"),
        ((HEAD + b"transfer-encoding: chunked\r\n\r\nzz\r\n",), b"400"),
        ((b"HEAD /languages" + CHUNKED + b"zz\r\n",), b"400"),
        ((b"\0\r\n\r\n",), b"400"),
    ],
)
async def test_what_is_no_http_is_hung_up_on_whatever_came_before(
    server: Running, caplog: pytest.LogCaptureFixture, parts: tuple[bytes, ...], status: bytes
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port_of(server))
    said = b""
    for part in parts:
        writer.write(part)
        if part is not parts[-1]:
            said = await reader.readline()
    with suppress(ConnectionResetError):
        said += await all_of(reader)
    assert said.startswith(b"HTTP/1.1 " + status)
    assert said.count(b"HTTP/1.1") == 1
    writer.close()
    assert [record.message for record in caplog.records] == []


async def test_a_body_that_nobody_asked_for_does_not_come_for_ever(hasty: Running) -> None:
    reader, writer = await sent(hasty, b"POST /suggest" + CHUNKED)
    chunks = asyncio.create_task(_endless(writer))
    with suppress(ConnectionResetError):
        assert b" 403 " in await all_of(reader)
    chunks.cancel()
    writer.close()


@pytest.mark.parametrize(("size", "count"), [(64, 600), (1, 500)])
async def test_a_body_may_come_in_many_pieces(server: Running, size: int, count: int) -> None:
    chunk = b"%x\r\n%s\r\n" % (size, b" " * size)
    body = b"%x\r\n%s\r\n" % (len(BODY), BODY) + chunk * count + b"0\r\n\r\n"
    reader, writer = await sent(server, HEAD + b"transfer-encoding: chunked\r\n\r\n", body)
    assert b" 200 " in await reader.readline()
    writer.close()


async def test_a_body_in_pieces_of_next_to_nothing_is_refused(
    server: Running, caplog: pytest.LogCaptureFixture
) -> None:
    """Each takes a time that is the others': who sends ten megabits of them has all of it."""
    chunks = b"1\r\n \r\n" * 600
    reader, writer = await sent(server, HEAD + b"transfer-encoding: chunked\r\n\r\n", chunks)
    answer = await all_of(reader)
    assert b" 400 " in answer
    assert b"The body has more than 512 chunks of less than 64 bytes." in answer
    writer.close()
    assert caplog.messages == []


async def _endless(writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while True:
            writer.write(b"1\r\na\r\n")
            await writer.drain()
            await asyncio.sleep(0.001)


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        (PATH, REQUEST),
        ("/v2/translate", {"text": "a", "target_lang": "DE"}),
        ("/v1/chat/completions", {"model": "tiny", "messages": [{"role": "user", "content": "a"}]}),
        (
            "/v1/chat/completions",
            {"model": "tiny", "messages": [{"role": "user", "content": "a"}], "stream": True},
        ),
    ],
)
async def test_what_nobody_reads_takes_no_memory_meanwhile(
    server: Running, path: str, fields: dict[str, Any]
) -> None:
    def empty_lists() -> int:
        return sum(type(each) is list and not each for each in gc.get_objects())

    server.engine.echo = False
    before = empty_lists()
    asking = asyncio.create_task(post(server, path, fields | {"x": [[]] * 2_000}))
    (text,) = await server.engine.has_texts(1)
    assert empty_lists() < before + 1_000
    text.finish()
    with suppress(ValueError):  # a stream is no JSON
        assert (await asking).status == 200


async def test_a_body_that_does_not_come_is_not_waited_for(hasty: Running) -> None:
    reader, writer = await sent(hasty, HEAD, b"content-length: 5\r\n\r\n")
    answer = await all_of(reader)
    assert b" 408 " in answer
    assert b"did not arrive within 0.1 s" in answer
    writer.close()


async def test_a_bug_is_told_as_one_and_logged_without_texts(
    server: Running, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    libretranslate = pytest.importorskip("dragoman_server.interfaces.http.libretranslate")
    monkeypatch.setattr(libretranslate, "MIME_TYPES", {"text": object()})
    answer = await post(server, PATH, REQUEST)
    assert (answer.status, answer.body) == (500, {"error": "the server failed; its log says why"})
    assert [record.message for record in caplog.records] == ["request_failed"]


async def test_what_http_needs_is_asked_for_where_it_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "dragoman_server.interfaces.http", None)
    with pytest.raises(ConfigError, match=r"http_port needs .*: .*pip install '\.\[http\]'"):
        async with speaking_http():
            pass


async def test_so_many_bodies_are_on_their_way_and_the_largest_makes_room() -> None:
    bodies = pytest.importorskip("dragoman_server.interfaces.http.bodies")
    refusals = pytest.importorskip("dragoman_server.interfaces.http.refusals")
    datastructures = pytest.importorskip("starlette.datastructures")
    headers = datastructures.Headers({"content-type": "application/json"})
    few = bodies.Bodies(10, 5.0, most_texts=1, most_held_bytes=10)
    rest = asyncio.Event()

    def brings(*chunks: bytes) -> Any:
        left = list(chunks)

        async def receive() -> dict[str, object]:
            if not left:
                await rest.wait()
            body = left.pop() if left else b"}"
            return {"type": "http.request", "body": body, "more_body": body != b"}"}

        return receive

    large = asyncio.create_task(few.read(headers, brings(b"{      ")))
    small = asyncio.create_task(few.read(headers, brings(b"{ ")))
    await asyncio.sleep(0)
    rest.set()
    assert await few.read(headers, brings(b"{ ")) == {}
    assert await small == {}
    with pytest.raises(refusals.RefusedError, match="too many requests are on their way"):
        await large
    with pytest.raises(refusals.RefusedError, match="has more than 10 bytes"):
        await few.read(headers, brings(b"{  ", b"         "))
    assert await few.read(headers, brings(b"{       ")) == {}


async def test_a_request_that_does_not_come_is_hung_up_on(hasty: Running) -> None:
    for said in (b"", HEAD):
        reader, writer = await sent(hasty, said)
        assert await all_of(reader) == b""
        writer.close()


async def test_headers_are_bounded() -> None:
    async with speaking_http(max_header_bytes=1024) as server:
        reader, writer = await sent(server, HEAD, b"a: " + b"a" * 2048)
        assert b" 400 " in await reader.readline()
        writer.close()


async def test_who_does_not_take_an_answer_is_hung_up_on(hasty: Running) -> None:
    """Of an answer of a megabyte the kernel keeps a part, and nobody reads."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.setblocking(False)
    loop = asyncio.get_running_loop()
    with closing(connection):
        await loop.sock_connect(connection, ("127.0.0.1", port_of(hasty)))
        text = "a" * 30_000
        body = json.dumps({"q": text, "source": "en", "target": "de"}).encode()
        request = HEAD + b"content-length: %d\r\n\r\n" % len(body) + body
        with suppress(ConnectionError):  # hung up on already
            for _ in range(40):  # each has its answer before the next is read
                await loop.sock_sendall(connection, request)
        listener = http_served.front_end_of(hasty)._http._listener
        async with asyncio.timeout(60):
            while listener._connections:  # noqa: ASYNC110  a connection that ends wakes nobody
                await asyncio.sleep(0.02)


async def test_connections_are_bounded() -> None:
    async with speaking_http(max_connections=1) as server:
        first, writer = await sent(server)
        second, other = await sent(server, HEAD)
        with suppress(ConnectionResetError):
            assert await all_of(second) == b""
        writer.write(HEAD + b"content-length: %d\r\n\r\n" % len(BODY) + BODY)
        assert b" 200 " in await first.readline()
        for each in (writer, other):
            each.close()


async def test_so_many_at_once_are_taken_as_there_may_be() -> None:
    async with speaking_http(max_connections=200) as server:
        address = ("127.0.0.1", port_of(server))

        def answers() -> set[bytes]:
            connections = [socket.create_connection(address, timeout=60) for _ in range(200)]
            said = set()
            for connection in connections:
                with connection, suppress(ConnectionError):
                    connection.sendall(b"?\r\n\r\n")
                    said.add(connection.recv(12))
            return said

        assert await asyncio.to_thread(answers) == {b"HTTP/1.1 400"}


async def test_a_connection_has_one_request_after_the_other(server: Running) -> None:
    def ask() -> list[int]:
        connection = http.client.HTTPConnection("127.0.0.1", port_of(server), timeout=60)
        with closing(connection):
            statuses = []
            for _ in range(3):
                connection.request("POST", PATH, BODY, http_served.JSON)
                with connection.getresponse() as response:
                    response.read()
                    statuses.append(response.status)
            return statuses

    assert await asyncio.to_thread(ask) == [200, 200, 200]


async def test_health_says_whether_it_serves(server: Running) -> None:
    assert (await get(server, "/health")).status == 200
    server.application._front_end.tell_stalled(stalled=True)
    answer = await get(server, "/health")
    assert (answer.status, answer.body) == (503, {"status": "not serving"})


async def test_draining_answers_what_was_accepted_and_refuses_the_rest(server: Running) -> None:
    server.engine.echo = False
    asking = asyncio.create_task(post(server, PATH, REQUEST))
    (text,) = await server.engine.has_texts(1)
    draining = asyncio.create_task(server.application.drain())
    while (await get(server, "/health")).status != 503:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    refused = await post(server, PATH, REQUEST)
    assert (refused.status, refused.headers["connection"]) == (503, "close")
    assert "draining" in refused.body["error"]
    text.finish()
    assert (await asking).body == {"translatedText": "a"}
    assert await draining


async def test_who_hangs_up_frees_the_server_from_the_text(server: Running) -> None:
    server.engine.echo = False
    length = b"content-length: %d\r\n\r\n" % len(BODY)
    _, writer = await sent(server, HEAD, length, BODY)
    await server.engine.has_texts(1)
    writer.transport.abort()
    async with asyncio.timeout(60):
        await server.engine.all_cancelled()
    cancelled = {"interface": "libretranslate", "code": "CANCELLED"}
    assert server.sample("dragoman_interface_requests_total", **cancelled) == 1


async def test_what_is_answered_as_the_server_closes_is_given_up(server: Running) -> None:
    server.engine.echo = False
    asking = asyncio.create_task(post(server, PATH, REQUEST))
    await server.engine.has_texts(1)
    await server.application.close()
    try:
        answer = await asking
    except (ConnectionError, http.client.HTTPException):
        return
    assert answer.status == 503


class Files(NamedTuple):
    """Of a server's certificates."""

    certificate: Path
    key: Path
    client_ca: Path


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture
def files(authority: Authority, tmp_path: Path) -> Files:
    made = Files(tmp_path / "certificate.pem", tmp_path / "key.pem", tmp_path / "ca.pem")
    authority.sign_server().write(made.certificate, made.key)
    made.client_ca.write_bytes(authority.certificate)
    return made


def trusting(files: Files, shown: tuple[Path, Path] | None = None) -> ssl.SSLContext:
    """A client's, that shows a certificate and its key where it is given one."""
    context = ssl.create_default_context(cafile=files.client_ca)
    if shown is not None:
        context.load_cert_chain(shown[0], shown[1])
    return context


async def test_a_body_of_many_reads_is_whole(files: Files) -> None:
    text = "größer " * 4000
    settings = {"tls_certificate": files.certificate, "tls_private_key": files.key}

    def ask(server: Running) -> str:
        connection = http.client.HTTPSConnection(
            "127.0.0.1", port_of(server), timeout=60, context=trusting(files)
        )
        with closing(connection):
            connection.request("POST", PATH, json.dumps(REQUEST | {"q": text}), http_served.JSON)
            with connection.getresponse() as response:
                return str(json.loads(response.read())["translatedText"])

    async with speaking_http() as server:
        answer = await post(server, PATH, REQUEST | {"q": text})
        assert answer.body["translatedText"] == text
    async with speaking_http(**settings) as server:
        assert await asyncio.to_thread(ask, server) == text


async def test_connections_that_have_not_agreed_on_tls_are_bounded_too(files: Files) -> None:
    settings = {"tls_certificate": files.certificate, "tls_private_key": files.key}
    async with speaking_http(max_connections=1, **settings) as server:
        _, writer = await sent(server)
        second, other = await sent(server)
        with suppress(ConnectionResetError):
            assert await all_of(second) == b""
        for each in (writer, other):
            each.close()


@pytest.mark.parametrize(
    "said", [b"", b"\0" * 100, b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc"]
)
async def test_who_speaks_no_tls_is_hung_up_on_without_a_trace(
    files: Files, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, said: bytes
) -> None:
    listening = pytest.importorskip("dragoman_server.interfaces.http.listening")
    settings = {"tls_certificate": files.certificate, "tls_private_key": files.key}
    async with speaking_http(**settings) as server:
        with monkeypatch.context() as patch:
            patch.setattr(listening, "HANDSHAKE_SECONDS", 0.05)
            reader, writer = await sent(server, said)
            with suppress(ConnectionResetError):
                await all_of(reader)
            writer.close()
        _, writer = await sent(server, said)
        writer.transport.abort()
        status, _ = await asyncio.to_thread(statuses, server, trusting(files))
        assert status == 200
    assert [record.message for record in caplog.records] == []


def statuses(server: Running, context: ssl.SSLContext) -> tuple[int, bytes | None]:
    """Of a request over TLS, with the certificate that the server shows."""
    connection = http.client.HTTPSConnection(
        "127.0.0.1", port_of(server), timeout=60, context=context
    )
    with closing(connection):
        connection.request("POST", PATH, BODY, http_served.JSON)
        shown = connection.sock.getpeercert(binary_form=True)
        with connection.getresponse() as response:
            response.read()
            return response.status, shown


async def test_certificates_are_those_of_grpc_and_renewed(
    files: Files, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watched_files, "LOOK_SECONDS", 0.01)
    settings = {"tls_certificate": files.certificate, "tls_private_key": files.key}
    async with speaking_http(**settings) as server:
        status, first = await asyncio.to_thread(statuses, server, trusting(files))
        assert status == 200
        authority.sign_server().write(files.certificate, files.key)
        shown = first
        async with asyncio.timeout(60):
            while shown == first:
                _, shown = await asyncio.to_thread(statuses, server, trusting(files))
        await until(lambda: reloads(server, "OK") > 0)
        port = server.application.port
        over_grpc = await asyncio.to_thread(ssl.get_server_certificate, ("127.0.0.1", port))
        assert ssl.PEM_cert_to_DER_cert(over_grpc) == shown
        files.key.write_text("no key")
        await until(lambda: reloads(server, "REFUSED") > 0)
        # All that came of the first change has been counted by now.
        assert (reloads(server, "OK"), reloads(server, "REFUSED")) == (1, 1)
        assert (await asyncio.to_thread(statuses, server, trusting(files)))[1] == shown


async def test_a_clients_certificate_says_who_calls(
    files: Files, authority: Authority, tmp_path: Path
) -> None:
    who: dict[str, object] = {"name": "uri", "certificate": "spiffe://example/app"}
    who |= {"methods": ["*"], "models": ["*"]}
    settings = {
        "tls_certificate": files.certificate,
        "tls_private_key": files.key,
        "tls_client_ca": files.client_ca,
        "api_key_entries": entries(who),
    }
    shown = tmp_path / "client.pem", tmp_path / "client.key"
    names = x509.UniformResourceIdentifier("spiffe://example/app"), x509.DNSName("else.example")
    async with speaking_http(**settings) as server:
        authority.sign("somebody", *names).write(*shown)
        status, _ = await asyncio.to_thread(statuses, server, trusting(files, shown))
        assert status == 200
        assert server.sample("dragoman_caller_requests_total", caller="uri", code="OK") == 1
        authority.sign("somebody").write(*shown)
        status, _ = await asyncio.to_thread(statuses, server, trusting(files, shown))
        assert status == 403
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await asyncio.to_thread(statuses, server, trusting(files))


async def test_a_port_that_is_taken_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=f"HTTP cannot listen on 127.0.0.1:{port}: "):
            async with http_served.running(http_port=port):
                pass
