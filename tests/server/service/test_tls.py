"""Certificates: those of clients, which say who calls, and the server's own when they change."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import grpc
import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from grpc import aio

from dragoman.v1.translation_pb2 import TranslateTextRequest
from dragoman_server.access import watched_files
from dragoman_server.access.keys import hash_of, new_key
from tests.server.certificates import Authority, Pem
from tests.server.service.harness import Running, failure_of, running

REQUEST = TranslateTextRequest(contents=["a"])
UNAUTHENTICATED = grpc.StatusCode.UNAUTHENTICATED
KEY = new_key()

ALL = {"methods": ["*"], "models": ["*"]}
ENTRIES = yaml.safe_dump(
    [
        {"name": "key", "sha256": hash_of(KEY)} | ALL,
        {"name": "uri", "certificate": "spiffe://example/translator"} | ALL,
        {"name": "dns", "certificate": "client.example"} | ALL,
        {"name": "common", "certificate": "common name"} | ALL,
    ]
)


class Files(NamedTuple):
    """Where a server's certificates are."""

    certificate: Path
    key: Path
    client_ca: Path

    def serving(
        self, entries: str | None = None, *, mutual: bool = True
    ) -> AbstractAsyncContextManager[Running]:
        """A server with them."""
        return running(
            tls_certificate=self.certificate,
            tls_private_key=self.key,
            tls_client_ca=self.client_ca if mutual else None,
            api_key_entries=entries,
        )


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture
def files(authority: Authority, tmp_path: Path) -> Files:
    made = Files(tmp_path / "certificate.pem", tmp_path / "key.pem", tmp_path / "ca.pem")
    authority.sign_server().write(made.certificate, made.key)
    made.client_ca.write_bytes(authority.certificate)
    return made


@asynccontextmanager
async def connected(
    server: Running, authority: Authority, shown: Pem | None = None
) -> AsyncIterator[Running]:
    """The same server over another connection."""
    key, chain = (None, None) if shown is None else (shown.key, shown.certificate)
    credentials = grpc.ssl_channel_credentials(authority.certificate, key, chain)
    target = f"127.0.0.1:{server.application.port}"
    options = [("grpc.use_local_subchannel_pool", 1)]
    async with aio.secure_channel(target, credentials, options) as channel:
        yield Running(server.application, server.engine, server.metrics, channel)


async def caller_of(server: Running, authority: Authority, shown: Pem) -> str:
    async with connected(server, authority, shown) as own:
        own.engine.echo = True
        await own.stub.TranslateText(REQUEST)
        return own.engine.texts[-1].sender.caller


async def test_a_certificates_name_is_its_caller(authority: Authority, files: Files) -> None:
    uri = x509.UniformResourceIdentifier("spiffe://example/translator")
    async with files.serving(ENTRIES) as server:
        for shown, name in (
            (authority.sign("anything", uri), "uri"),
            (authority.sign("anything", x509.DNSName("client.example")), "dns"),
            (authority.sign("common name"), "common"),
        ):
            assert await caller_of(server, authority, shown) == name


async def test_a_certificate_without_a_known_name_needs_a_key(
    authority: Authority, files: Files
) -> None:
    # A common name counts only where there are no others, which are its issuer's word.
    unknown = authority.sign("common name", x509.DNSName("other.example"))
    async with (
        files.serving(ENTRIES) as server,
        connected(server, authority, unknown) as own,
    ):
        own.engine.echo = True
        failure = await failure_of(own.stub.TranslateText(REQUEST))
        assert (failure.code, failure.reason) == (UNAUTHENTICATED, "CREDENTIALS_REFUSED")
        await own.stub.TranslateText(REQUEST, metadata=(("x-api-key", KEY),))
        assert own.engine.texts[-1].sender.caller == "key"


async def test_a_wrong_key_is_refused_whatever_the_certificate(
    authority: Authority, files: Files
) -> None:
    async with (
        files.serving(ENTRIES) as server,
        connected(server, authority, authority.sign("common name")) as own,
    ):
        metadata = (("x-api-key", new_key()),)
        failure = await failure_of(own.stub.TranslateText(REQUEST, metadata=metadata))
        assert failure.code == UNAUTHENTICATED


async def test_an_authority_alone_lets_its_clients_do_everything(
    authority: Authority, files: Files
) -> None:
    async with files.serving() as server:
        caller = await caller_of(server, authority, authority.sign("anybody"))
        assert caller.startswith("ipv4:127.0.0.1:")


@pytest.fixture
def quick_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watched_files, "LOOK_SECONDS", 0.01)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not holds():  # noqa: ASYNC110  a metric wakes nobody
            await asyncio.sleep(0.01)


def shown_by(server: Running) -> bytes:
    """The certificate that a new connection gets."""
    pem = ssl.get_server_certificate(("127.0.0.1", server.application.port))
    return x509.load_pem_x509_certificate(pem.encode()).fingerprint(hashes.SHA256())


def reloads(server: Running, outcome: str) -> float:
    return server.sample("dragoman_file_reloads_total", file="tls", outcome=outcome)


@pytest.mark.usefixtures("quick_looks")
async def test_new_connections_see_a_new_certificate(authority: Authority, files: Files) -> None:
    async with (
        files.serving(mutual=False) as server,
        connected(server, authority) as old,
    ):
        server.engine.echo = True
        await old.stub.TranslateText(REQUEST)
        before = await asyncio.to_thread(shown_by, server)
        assert await asyncio.to_thread(shown_by, server) == before
        authority.sign_server().write(files.certificate, files.key)
        await until(lambda: reloads(server, "OK") == 1)
        after = await asyncio.to_thread(shown_by, server)
        assert after != before
        assert await asyncio.to_thread(shown_by, server) == after
        await old.stub.TranslateText(REQUEST)  # its connection stays
        async with connected(server, authority) as new:
            await new.stub.TranslateText(REQUEST)


@pytest.mark.usefixtures("quick_looks")
async def test_a_bad_pair_keeps_the_good_one(authority: Authority, files: Files) -> None:
    async with files.serving(mutual=False) as server:
        before = await asyncio.to_thread(shown_by, server)
        files.certificate.write_bytes(authority.sign_server().certificate)  # of another key
        await until(lambda: reloads(server, "REFUSED") == 1)
        assert await asyncio.to_thread(shown_by, server) == before


@pytest.mark.usefixtures("quick_looks")
async def test_a_new_authority_lets_in_its_own_clients(authority: Authority, files: Files) -> None:
    other = Authority("other")
    async with files.serving() as server:
        server.engine.echo = True
        files.client_ca.write_bytes(other.certificate)
        await until(lambda: reloads(server, "OK") == 1)
        async with connected(server, authority, other.sign("new")) as new:
            await new.stub.TranslateText(REQUEST)
        async with connected(server, authority, authority.sign("old")) as old:
            with pytest.raises(aio.AioRpcError) as caught:
                await old.stub.TranslateText(REQUEST)
            assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
