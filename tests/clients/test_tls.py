import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from dragoman import AsyncClient, Client, ConnectError
from dragoman.commands import translate
from dragoman.target import Target
from dragoman.unreached import explain
from tests.clients.fake_server import FakeServer

OPENSSL = shutil.which("openssl")
pytestmark = pytest.mark.skipif(OPENSSL is None, reason="there is no openssl command")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for 127.0.0.1, its key beside it."""
    return make_certificate(tmp_path_factory.mktemp("tls"), "IP:127.0.0.1")


def make_certificate(folder: Path, name: str) -> Path:
    command = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
    subject = ["-subj", "/CN=localhost", "-addext", f"subjectAltName={name}"]
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    subprocess.run(
        [str(OPENSSL), *command.split(), *subject, *files], check=True, capture_output=True
    )
    return folder / "cert.pem"


@pytest.fixture
def tls_server(certificate: Path) -> Iterator[FakeServer]:
    key = (certificate.parent / "key.pem").read_bytes()
    credentials = grpc.ssl_server_credentials([(key, certificate.read_bytes())])
    with FakeServer(credentials) as server:
        yield server


@pytest.fixture
def credentials(certificate: Path) -> grpc.ChannelCredentials:
    return grpc.ssl_channel_credentials(certificate.read_bytes())


async def test_both_clients_translate_over_tls(
    tls_server: FakeServer, credentials: grpc.ChannelCredentials
) -> None:
    with Client(tls_server.target, credentials=credentials) as client:
        assert client.translate("a").translated_text == "A"
    async with AsyncClient(tls_server.target, credentials=credentials) as async_client:
        assert (await async_client.translate("a")).translated_text == "A"


def failure(target: str, credentials: grpc.ChannelCredentials | None) -> ConnectError:
    """What the first call ends with; a mistake about TLS is told at once."""
    with (
        Client(target, credentials=credentials, retry_seconds=None if credentials else 0) as client,
        pytest.raises(ConnectError) as caught,
    ):
        client.translate("a")
    return caught.value


def test_a_server_with_an_unknown_certificate_is_not_trusted(tls_server: FakeServer) -> None:
    error = failure(tls_server.target, grpc.ssl_channel_credentials())
    assert error.reason == "TLS_FAILED"
    assert "certificate is not signed by a trusted authority" in str(error)


def test_a_certificate_for_another_host_is_named(tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path, "DNS:elsewhere.example")
    key = (tmp_path / "key.pem").read_bytes()
    with FakeServer(grpc.ssl_server_credentials([(key, certificate.read_bytes())])) as server:
        trusted = grpc.ssl_channel_credentials(certificate.read_bytes())
        error = failure(server.target, trusted)
    assert error.reason == "TLS_FAILED"
    assert "certificate is not for this host name" in str(error)


def test_a_certificate_for_the_address_alone_does_not_name_the_host(
    tls_server: FakeServer, certificate: Path
) -> None:
    """Its common name passes the handshake, and no call."""
    trusted = grpc.ssl_channel_credentials(certificate.read_bytes())
    with (
        Client(f"localhost:{tls_server.port}", credentials=trusted, retry_seconds=5) as client,
        pytest.raises(ConnectError, match=r"is its TLS certificate for this host name\?"),
    ):
        client.translate("a")


def test_plain_text_and_tls_are_not_confused(
    tls_server: FakeServer, server: FakeServer, credentials: grpc.ChannelCredentials
) -> None:
    assert "does it want TLS?" in str(failure(tls_server.target, None))
    error = failure(server.target, credentials)
    assert error.reason == "TLS_FAILED"
    assert "the server does not speak TLS" in str(error)


def test_certificates_that_are_none_are_named(tls_server: FakeServer) -> None:
    error = failure(tls_server.target, grpc.ssl_channel_credentials(b"no certificate"))
    assert error.reason == "TLS_FAILED"
    assert "certificates or the key that were given cannot be used" in str(error)


def test_an_expired_certificate_is_named() -> None:
    said = "last error: UNKNOWN: ipv4:1.2.3.4:1: Tls handshake failed (TSI_PROTOCOL_FAILURE): "
    why = "CERTIFICATE_VERIFY_FAILED: certificate has expired: OK"
    told = explain(f"connections to all backends failing; {said}{why}", Target("host:1", tls=True))
    assert told.reason == "TLS_FAILED"
    assert "the server's certificate has expired" in told.message


def test_grpc_itself_writes_nothing(tls_server: FakeServer) -> None:
    code = f"""
import dragoman, grpc
for tls in grpc.ssl_channel_credentials(), grpc.ssl_channel_credentials(b"none"), None:
    with dragoman.Client({tls_server.target!r}, credentials=tls, retry_seconds=0) as client:
        try:
            client.translate("a")
        except dragoman.ConnectError as error:
            print(error.reason)
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["TLS_FAILED", "TLS_FAILED", "UNREACHABLE"]
    assert run.stderr == ""


def test_what_the_user_says_of_grpcs_lines_holds() -> None:
    code = "import os, dragoman; print(os.environ.get('GRPC_VERBOSITY'))"
    for environment in ({}, {"GRPC_VERBOSITY": "debug"}):
        run = subprocess.run(
            [sys.executable, "-c", code],
            env={**environment, "PATH": ""},
            capture_output=True,
            text=True,
            check=True,
        )
        assert run.stdout.strip() == str(environment.get("GRPC_VERBOSITY"))


def test_the_command_translates_over_tls(
    tls_server: FakeServer, certificate: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert translate.main(["--target", tls_server.target, "--tls-ca", str(certificate), "a"]) == 0
    assert capsysbinary.readouterr().out == b"A\n"


def test_the_command_shows_a_client_certificate(
    certificate: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    key = certificate.parent / "key.pem"
    chain = certificate.read_bytes()
    mutual = grpc.ssl_server_credentials(
        [(key.read_bytes(), chain)], root_certificates=chain, require_client_auth=True
    )
    with FakeServer(mutual) as server:
        anonymous = ["--target", server.target, "--tls-ca", str(certificate), "a"]
        shown = ["--tls-certificate", str(certificate), "--tls-private-key", str(key)]
        assert translate.main(["--retry-seconds", "0", *anonymous]) == 2
        assert translate.main([*shown, *anonymous]) == 0
    assert capsysbinary.readouterr().out == b"A\n"


def test_a_certificate_without_its_key_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        translate.main(["--tls-certificate", "client.pem", "a"])
    assert "together" in capsys.readouterr().err
