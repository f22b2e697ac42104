"""The largest requests that there are, one after the other: refused, and gone once refused."""

from pathlib import Path

import grpc
import pytest

from dragoman import Client
from dragoman.v1.translation_pb2 import DecodingOptions, TranslateTextRequest
from tests.attacks.harness import Server

TIMES = 40
MOST_GROWTH = 60_000_000

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
    with Server(float32_bundle) as server, Client(server.address) as client:
        right = client.translate("the cat")
        before = server.rss_bytes()
        with grpc.insecure_channel(server.address) as channel:
            call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(
                "/dragoman.v1.TranslationService/TranslateText"
            )
            for name, request in LARGE.items():
                message = request.SerializeToString()
                for _ in range(TIMES):
                    with pytest.raises(grpc.RpcError):
                        call(message, timeout=30)
                assert server.rss_bytes() - before < MOST_GROWTH, name
        assert client.translate("the cat") == right
