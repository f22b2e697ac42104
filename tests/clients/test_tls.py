import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from dragoman import AsyncClient, Client, ConnectError
from dragoman.commands import translate
from tests.clients.fake_server import FakeServer

OPENSSL = shutil.which("openssl")
pytestmark = pytest.mark.skipif(OPENSSL is None, reason="there is no openssl command")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for 127.0.0.1, its key beside it."""
    folder = tmp_path_factory.mktemp("tls")
    command = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
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


def test_a_server_with_an_unknown_certificate_is_not_trusted(tls_server: FakeServer) -> None:
    credentials = grpc.ssl_channel_credentials()
    with (
        Client(tls_server.target, credentials=credentials) as client,
        pytest.raises(ConnectError, match="CERTIFICATE_VERIFY_FAILED"),
    ):
        client.translate("a")


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
        assert translate.main(anonymous) == 2
        assert translate.main([*shown, *anonymous]) == 0
    assert capsysbinary.readouterr().out == b"A\n"


def test_a_certificate_without_its_key_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        translate.main(["--tls-certificate", "client.pem", "a"])
    assert "together" in capsys.readouterr().err
