"""What grpc itself is told: reflection, ports, TLS, connections."""

import shutil
import subprocess
from pathlib import Path

import grpc
import pytest
from google.protobuf.message import Message
from grpc import aio
from grpc_reflection.v1alpha import reflection_pb2

from dragoman.v1.translation_pb2 import ListModelsRequest, ListModelsResponse
from dragoman_server.errors import ConfigError
from dragoman_server.monitoring.metrics import Metrics
from tests.server.service.fakes import FakeEngine
from tests.server.service.harness import (
    SERVICE,
    Running,
    make_application,
    make_config,
    running,
)


async def test_reflection_lists_the_services(server: Running) -> None:
    call: aio.StreamStreamCall[Message, reflection_pb2.ServerReflectionResponse] = (
        server.channel.stream_stream(
            "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
            reflection_pb2.ServerReflectionRequest.SerializeToString,
            reflection_pb2.ServerReflectionResponse.FromString,
        )()
    )
    await call.write(reflection_pb2.ServerReflectionRequest(list_services=""))
    response = await call.read()
    assert isinstance(response, reflection_pb2.ServerReflectionResponse)
    names = {service.name for service in response.list_services_response.service}
    assert names == {
        SERVICE,
        "grpc.health.v1.Health",
        "grpc.reflection.v1alpha.ServerReflection",
    }
    await call.done_writing()


async def test_an_unknown_service_has_no_health(server: Running) -> None:
    with pytest.raises(aio.AioRpcError) as caught:
        await server.health("other")
    assert caught.value.code() == grpc.StatusCode.NOT_FOUND


async def test_an_unknown_method_is_unimplemented(server: Running) -> None:
    with pytest.raises(aio.AioRpcError) as caught:
        await server.call_raw(b"", "Nothing")
    assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED


async def test_a_second_server_on_the_port_does_not_start(server: Running) -> None:
    config = make_config(port=server.application.port)
    second = make_application(config, FakeEngine(), Metrics())
    with pytest.raises(ConfigError, match="Address already in use"):
        await second.start()
    await second.close()


async def test_a_host_that_does_not_exist_is_told() -> None:
    application = make_application(make_config(host="203.0.113.7"), FakeEngine(), Metrics())
    with pytest.raises(ConfigError, match=r"gRPC cannot listen on 203\.0\.113\.7:0: Cannot assign"):
        await application.start()
    await application.close()


async def test_connections_may_be_given_an_age() -> None:
    async with running(max_connection_age_seconds=3600) as server:
        assert await server.health() == "SERVING"


@pytest.fixture
def pem(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate for localhost and its key."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("needs openssl to make a certificate")
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    subprocess.run(
        [
            *(openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-days", "2", "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate),
        ],
        check=True,
        capture_output=True,
    )
    return certificate, key


async def test_tls_is_spoken_with_the_given_certificate(pem: tuple[Path, Path]) -> None:
    certificate, key = pem
    async with running(tls_certificate=certificate, tls_private_key=key) as server:
        credentials = grpc.ssl_channel_credentials(certificate.read_bytes())
        assert await _model_names(server, credentials) == ["tiny"]


async def test_a_client_ca_lets_in_only_clients_with_its_certificate(
    pem: tuple[Path, Path],
) -> None:
    certificate, key = pem
    async with running(
        tls_certificate=certificate, tls_private_key=key, tls_client_ca=certificate
    ) as server:
        root, private = certificate.read_bytes(), key.read_bytes()
        with pytest.raises(aio.AioRpcError) as caught:
            await _model_names(server, grpc.ssl_channel_credentials(root))
        assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
        credentials = grpc.ssl_channel_credentials(root, private, root)
        assert await _model_names(server, credentials) == ["tiny"]


@pytest.mark.parametrize("content", ["nothing", "-----BEGIN CERTIFICATE-----\nx\n"])
async def test_a_tls_file_that_is_no_certificate_is_told(
    content: str, pem: tuple[Path, Path]
) -> None:
    certificate, key = pem
    certificate.write_text(content)
    config = make_config(tls_certificate=certificate, tls_private_key=key)
    application = make_application(config, FakeEngine(), Metrics())
    with pytest.raises(ConfigError, match="tls_certificate"):
        await application.start()
    await application.close()


async def _model_names(server: Running, credentials: grpc.ChannelCredentials) -> list[str]:
    async with aio.secure_channel(f"localhost:{server.application.port}", credentials) as channel:
        method: aio.UnaryUnaryMultiCallable[ListModelsRequest, ListModelsResponse] = (
            channel.unary_unary(
                f"/{SERVICE}/ListModels",
                ListModelsRequest.SerializeToString,
                ListModelsResponse.FromString,
            )
        )
        response = await method(ListModelsRequest(), timeout=5)
        return [model.name for model in response.models]
