"""The largest requests that there are, one after the other: refused, and gone once refused."""

from collections.abc import Iterable
from pathlib import Path

import grpc
import pytest
from google.protobuf.message import Message

from dragoman import Client
from dragoman.v1.translation_pb2 import DecodingOptions, TranslateTextRequest
from tests.attacks import guarded
from tests.attacks.harness import Server

WARM_UP = 10  # until each thread has the memory that it works in
TIMES = 40
REFUSALS = {"INVALID_ARGUMENT", "NOT_FOUND", "FAILED_PRECONDITION", "RESOURCE_EXHAUSTED"} | (
    {"PERMISSION_DENIED"} if guarded.IS_GUARDED else set()
)
MOST_GROWTH = 20_000_000  # half a megabyte a request, which is less than any of them takes

PARENT = "projects/acme/locations/here"
OURS = "/dragoman.v1.TranslationService/TranslateText"
LARGE: dict[str, Message] = {
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
    leave_nothing(float32_bundle, [(OURS, *each) for each in LARGE.items()])


@pytest.mark.attack
def test_those_of_other_services_leave_nothing_behind(float32_bundle: Path) -> None:
    google = pytest.importorskip("google.cloud.translate_v3").types
    riva = pytest.importorskip("riva.client.proto.riva_nmt_pb2")
    service = "/google.cloud.translation.v3.TranslationService"
    asked: dict[str, object] = {"parent": PARENT, "contents": ["a"], "target_language_code": "de"}
    inputs = [{"gcs_source": {"input_uri": "gs://a/b"}}] * 30_000
    pairs = {"language_codes": ["de"] * 200_000}
    requests: list[tuple[str, dict[str, object]]] = [
        (f"{service}/TranslateText", asked | {"contents": [""] * 500_000}),
        (
            f"{service}/TranslateText",
            asked | {"labels": {f"a{each}": "" for each in range(50_000)}},
        ),
        (f"{service}/BatchTranslateText", {"parent": PARENT, "input_configs": inputs}),
        (
            f"{service}/CreateGlossary",
            {"parent": PARENT, "glossary": {"language_codes_set": pairs}},
        ),
    ]
    large: list[tuple[str, str, Message]] = []
    for path, fields in requests:
        request = getattr(google, f"{path.rpartition('/')[2]}Request")
        large.append((path, f"{path} {list(fields)}", request.pb(request(fields))))
    phrases = riva.TranslateTextRequest(
        texts=["a"], dnt_phrases=[f"a{each}" for each in range(100_000)]
    )
    texts = riva.TranslateTextRequest(texts=["<dnt>"] * 100_000)
    nmt = "/nvidia.riva.nmt.RivaTranslation/TranslateText"
    large += [(nmt, "dnt_phrases", phrases), (nmt, "texts", texts)]
    leave_nothing(float32_bundle, large, interfaces="google,riva")


def leave_nothing(
    bundle: Path, requests: Iterable[tuple[str, str, Message]], **settings: object
) -> None:
    """Sends each of these again and again; told their paths and names."""
    with (
        Server(bundle, max_message_bytes=1 << 20, **settings) as server,
        Client(server.address) as client,
    ):
        right = client.translate("the cat")
        with grpc.insecure_channel(server.address) as channel:
            for path, name, request in requests:
                call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(path)
                message = request.SerializeToString()
                memory = []
                for _ in range(WARM_UP + TIMES):
                    with pytest.raises(grpc.RpcError) as caught:
                        call(message, timeout=60, metadata=guarded.metadata())
                    assert caught.value.code().name in REFUSALS, name
                    memory.append(server.rss_bytes())
                assert memory[-1] - max(memory[:WARM_UP]) < MOST_GROWTH, name
        assert client.translate("the cat") == right
