"""Small messages that would be large once unpacked: refused before anybody unpacks them."""

from pathlib import Path

import grpc
import pytest

from dragoman import Client
from tests.attacks.harness import Server

SERVICE = "/dragoman.v1.TranslationService"
METHODS = (
    f"{SERVICE}/TranslateText",
    f"{SERVICE}/StreamTranslateText",
    "/grpc.health.v1.Health/Check",
)

UNPACKED_BYTES = 60_000_000  # some 60 kB when packed
MOST_GROWTH = 20_000_000


def refusal(
    address: str, method: str, message: bytes, packing: grpc.Compression
) -> tuple[grpc.StatusCode, str]:
    with grpc.insecure_channel(address) as channel:
        call: grpc.UnaryStreamMultiCallable[bytes, bytes] = channel.unary_stream(method)
        with pytest.raises(grpc.RpcError) as caught:
            next(call(message, compression=packing, timeout=60))
    return caught.value.code(), caught.value.details() or ""


@pytest.mark.parametrize("workers", [0, 1])
def test_what_is_packed_is_refused_unseen(float32_bundle: Path, workers: int) -> None:
    with Server(float32_bundle, workers=workers) as server, Client(server.address) as client:
        right = client.translate("the cat")
        before = server.peak_bytes()
        for packing in (grpc.Compression.Gzip, grpc.Compression.Deflate):
            for method in METHODS:
                code, details = refusal(server.address, method, bytes(UNPACKED_BYTES), packing)
                assert code is grpc.StatusCode.UNIMPLEMENTED
                assert packing.name.lower() in details
        assert server.peak_bytes() - before < MOST_GROWTH
        assert client.translate("the cat") == right
    assert all(line.startswith("{") for line in server.log), "the core wrote lines of its own"
