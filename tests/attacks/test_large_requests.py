"""The largest requests that there are, one after the other: refused, and gone once refused."""

from pathlib import Path

import grpc
import pytest

from dragoman import Client
from dragoman.v1.translation_pb2 import DecodingOptions, TranslateTextRequest
from tests.attacks.harness import Server

WARM_UP = 10  # until each thread has the memory that it works in
TIMES = 40
MOST_GROWTH = 20_000_000  # half a megabyte a request, which is less than any of them takes

LARGE = {
    "texts": TranslateTextRequest(contents=[""] * 500_000),
    "text": TranslateTextRequest(contents=["a" * 1_000_000]),
    "phrases": TranslateTextRequest(contents=["\ufdfa" * 30_000]),
    "model": TranslateTextRequest(contents=["a"], model="\n" * 1_000_000),
    "prefix": TranslateTextRequest(
        contents=["a"], options=DecodingOptions(target_prefix="a" * 1_000_000)
    ),
    "suppressed": TranslateTextRequest(
        contents=["a"], options=DecodingOptions(suppress_sequences=[""] * 500_000)
    ),
}


def test_they_leave_nothing_behind(float32_bundle: Path) -> None:
    with (
        Server(float32_bundle, max_message_bytes=1 << 20) as server,
        Client(server.address) as client,
    ):
        right = client.translate("the cat")
        with grpc.insecure_channel(server.address) as channel:
            call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(
                "/dragoman.v1.TranslationService/TranslateText"
            )
            for name, request in LARGE.items():
                message = request.SerializeToString()
                memory = []
                for _ in range(WARM_UP + TIMES):
                    with pytest.raises(grpc.RpcError):
                        call(message, timeout=60)
                    memory.append(server.rss_bytes())
                assert memory[-1] - max(memory[:WARM_UP]) < MOST_GROWTH, name
        assert client.translate("the cat") == right
