"""Who may do what, over real calls: nobody may do anything once a setting says who may."""

import asyncio
import json
import math
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import grpc
import jwt
import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric import ec
from google.protobuf.message import Message
from grpc import aio
from grpc_reflection.v1alpha import reflection_pb2
from jwt.algorithms import ECAlgorithm

from dragoman.v1.translation_pb2 import (
    DetectLanguageRequest,
    ListModelsRequest,
    StreamTranslateTextRequest,
    TranslateTextRequest,
)
from dragoman_server.access import watched_files
from dragoman_server.access.keys import hash_of, new_key
from dragoman_server.errors import ConfigError
from dragoman_server.monitoring.metrics import Metrics
from tests.server.service.fakes import FakeEngine
from tests.server.service.harness import (
    SERVICE,
    Failure,
    Running,
    failure_of,
    make_application,
    make_config,
    read,
    running,
    unpacked,
)

Metadata = tuple[tuple[str, str], ...]

REQUEST = TranslateTextRequest(contents=["a"])
DETECTION = DetectLanguageRequest(contents=["a"])
UNAUTHENTICATED = grpc.StatusCode.UNAUTHENTICATED
KEY = new_key()


def entry(key: str = KEY, name: str = "acme", **fields: object) -> dict[str, object]:
    whole = {"name": name, "sha256": hash_of(key), "methods": ["*"], "models": ["*"]}
    return whole | fields


def entries(*each: dict[str, object]) -> str:
    return yaml.safe_dump(list(each))


def bearer(credential: str = KEY) -> Metadata:
    return (("authorization", f"Bearer {credential}"),)


@pytest.fixture
async def guarded() -> AsyncIterator[Running]:
    """Lets one key do everything."""
    async with running(api_key_entries=entries(entry())) as server:
        server.engine.echo = True
        yield server


@pytest.fixture
def quick_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watched_files, "LOOK_SECONDS", 0.01)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not holds():  # noqa: ASYNC110  a metric wakes nobody
            await asyncio.sleep(0.01)


def reloads(server: Running, outcome: str, file: str = "api_keys") -> float:
    return server.sample("dragoman_file_reloads_total", file=file, outcome=outcome)


async def test_a_key_opens_every_method(guarded: Running) -> None:
    for metadata in (bearer(), (("x-api-key", KEY),)):
        response = await guarded.stub.TranslateText(REQUEST, metadata=metadata)
        assert response.translations[0].translated_text == "a"
        assert (await guarded.stub.ListModels(ListModelsRequest(), metadata=metadata)).models
        detected = guarded.stub.DetectLanguage(DETECTION, metadata=metadata)
        assert (await failure_of(detected)).reason == "DETECTION_OFF"  # let in, and off
        call = guarded.stub.StreamTranslateText(metadata=metadata)
        await call.write(StreamTranslateTextRequest(id="1", content="b"))
        assert (await read(call)).translation.translated_text == "b"
        await call.done_writing()


WRONG: dict[str, Metadata] = {
    "none": (),
    "another key": bearer(new_key()),
    "no key": bearer("a"),
    "no scheme": (("authorization", KEY),),
    "another scheme": (("authorization", f"Basic {KEY}"),),
    "two": (*bearer(), ("x-api-key", KEY)),
    "twice": (*bearer(), *bearer()),
    "a token": bearer("a.b.c"),
}


@pytest.mark.parametrize("metadata", WRONG.values(), ids=WRONG.keys())
async def test_without_one_good_credential_nothing_is_done_and_no_reason_told(
    guarded: Running, metadata: Metadata
) -> None:
    stub = guarded.stub
    expected = Failure(
        code=UNAUTHENTICATED,
        message="the call has no credentials that are accepted",
        reason="CREDENTIALS_REFUSED",
        domain="dragoman",
        metadata={},
        fields={},
        retry_seconds=None,
    )
    for call in (
        stub.TranslateText(REQUEST, metadata=metadata),
        stub.ListModels(ListModelsRequest(), metadata=metadata),
        stub.DetectLanguage(DETECTION, metadata=metadata),
        stub.StreamTranslateText(metadata=metadata).read(),
    ):
        assert await failure_of(call) == expected
    assert guarded.engine.texts == []
    assert guarded.sample("dragoman_requests_total", code="UNAUTHENTICATED") == 4


async def test_a_call_is_refused_before_its_message_is_asked_for(guarded: Running) -> None:
    failure = await failure_of(guarded.call_raw(b"\x0a\x02\xff\xfe"))
    assert failure.code == UNAUTHENTICATED
    assert guarded.engine.checked == []


async def test_health_needs_no_credential_and_reflection_does(guarded: Running) -> None:
    assert await guarded.health() == "SERVING"
    assert await guarded.health("liveness") == "SERVING"
    reflect: aio.StreamStreamMultiCallable[Message, Message] = guarded.channel.stream_stream(
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
        reflection_pb2.ServerReflectionRequest.SerializeToString,
        reflection_pb2.ServerReflectionResponse.FromString,
    )
    request = reflection_pb2.ServerReflectionRequest(list_services="")
    assert (await failure_of(reflect().read())).code == UNAUTHENTICATED
    call = reflect(metadata=bearer())
    await call.write(request)
    response = await call.read()
    assert isinstance(response, reflection_pb2.ServerReflectionResponse)
    assert response.list_services_response.service
    await call.done_writing()


async def test_a_method_that_is_not_granted_is_denied() -> None:
    async with running(api_key_entries=entries(entry(methods=["ListModels"]))) as server:
        assert (await server.stub.ListModels(ListModelsRequest(), metadata=bearer())).models
        for call, method in (
            (server.stub.TranslateText(REQUEST, metadata=bearer()), "TranslateText"),
            (server.stub.StreamTranslateText(metadata=bearer()).read(), "StreamTranslateText"),
        ):
            failure = await failure_of(call)
            assert failure.code == grpc.StatusCode.PERMISSION_DENIED
            assert failure.reason == "METHOD_NOT_ALLOWED"
            assert failure.message == f"the caller may not call {method}"
        assert server.sample("dragoman_requests_total", code="PERMISSION_DENIED") == 2


@pytest.mark.parametrize("asked", ["tiny", "none", ""])
async def test_a_model_that_is_not_granted_is_as_if_it_were_not_there(asked: str) -> None:
    async with running(api_key_entries=entries(entry(models=["other"]))) as server:
        request = TranslateTextRequest(contents=["a"], model=asked)
        failure = await failure_of(server.stub.TranslateText(request, metadata=bearer()))
        shown = f" {asked!r}" if asked else ""
        assert failure.code == grpc.StatusCode.NOT_FOUND
        assert failure.reason == "MODEL_NOT_FOUND"
        assert failure.message == f"no model{shown} that the caller may use"
        call = server.stub.StreamTranslateText(metadata=bearer())
        await call.write(StreamTranslateTextRequest(id="1", content="a", model=asked))
        assert unpacked((await read(call)).error).message == failure.message
        await call.done_writing()
        assert not (await server.stub.ListModels(ListModelsRequest(), metadata=bearer())).models
        assert server.engine.texts == []


async def test_a_callers_turn_is_its_own_on_all_its_connections(guarded: Running) -> None:
    await guarded.stub.TranslateText(REQUEST, metadata=bearer())
    call = guarded.stub.StreamTranslateText(metadata=bearer())
    await call.write(StreamTranslateTextRequest(id="1", content="b"))
    await read(call)
    await call.done_writing()
    assert [text.sender.caller for text in guarded.engine.texts] == ["acme", "acme"]


async def test_without_access_control_turns_are_the_connections(server: Running) -> None:
    server.engine.echo = True
    await server.stub.TranslateText(REQUEST, metadata=bearer())  # which nobody looks at
    assert server.engine.texts[0].sender.caller.startswith("ipv4:127.0.0.1:")


async def test_texts_over_the_limit_are_refused_with_when_they_would_fit() -> None:
    limited = entries(entry(texts_per_second=0.005, burst_seconds=2000))
    async with running(api_key_entries=limited) as server:
        server.engine.echo = True
        eight = TranslateTextRequest(contents=["a"] * 8)
        await server.stub.TranslateText(eight, metadata=bearer())
        failure = await failure_of(server.stub.TranslateText(eight, metadata=bearer()))
        assert failure.code == grpc.StatusCode.RESOURCE_EXHAUSTED
        assert failure.reason == "RATE_LIMITED"
        assert failure.retry_seconds == pytest.approx(1200, abs=100)
        assert failure.retry_seconds is not None
        assert failure.pushback == str(math.ceil(failure.retry_seconds * 1000))
        assert len(server.engine.texts) == 8  # all or none
        two = TranslateTextRequest(contents=["a"] * 2)
        await server.stub.TranslateText(two, metadata=bearer())
        assert server.sample("dragoman_refusals_total", cause="RATE_LIMITED") == 1
        # Now not even one fits, and what is not looked at need not be a message.
        method: aio.UnaryUnaryMultiCallable[bytes, bytes] = server.channel.unary_unary(
            f"/{SERVICE}/TranslateText"
        )
        failure = await failure_of(method(b"\xff", metadata=bearer()))
        assert failure.reason == "RATE_LIMITED"


async def test_code_points_count_too_and_callers_apart() -> None:
    other = new_key()
    limits = {"code_points_per_second": 0.01, "burst_seconds": 1000}
    both = entries(entry() | limits, entry(other, "other") | limits)
    async with running(api_key_entries=both) as server:
        server.engine.echo = True
        request = TranslateTextRequest(contents=["äöü", "ßßßß"])
        await server.stub.TranslateText(request, metadata=bearer())
        failure = await failure_of(server.stub.TranslateText(request, metadata=bearer()))
        assert failure.retry_seconds == pytest.approx(400, abs=100)
        await server.stub.TranslateText(request, metadata=bearer(other))


async def test_each_text_of_a_stream_counts() -> None:
    limited = entries(entry(texts_per_second=0.005, burst_seconds=400))
    async with running(api_key_entries=limited) as server:
        server.engine.echo = True
        call = server.stub.StreamTranslateText(metadata=bearer())
        answers = []
        for number in range(3):
            await call.write(StreamTranslateTextRequest(id=str(number), content="a"))
            answers.append(await read(call))
        assert [answer.WhichOneof("result") for answer in answers[:2]] == ["translation"] * 2
        failure = unpacked(answers[2].error)
        assert failure.reason == "RATE_LIMITED"
        assert failure.retry_seconds == pytest.approx(200, abs=100)
        await call.done_writing()


def write(path: Path, *each: dict[str, object]) -> None:
    path.write_text(entries(*each))


@pytest.mark.usefixtures("quick_looks")
async def test_a_changed_key_file_holds_without_a_restart(tmp_path: Path) -> None:
    path, second = tmp_path / "keys.yaml", new_key()
    write(path, entry())
    async with running(api_keys=path) as server:
        server.engine.echo = True
        await server.stub.TranslateText(REQUEST, metadata=bearer())
        assert (
            await failure_of(server.stub.TranslateText(REQUEST, metadata=bearer(second)))
        ).code == UNAUTHENTICATED
        write(path, entry(second))
        await until(lambda: reloads(server, "OK") == 1)
        await server.stub.TranslateText(REQUEST, metadata=bearer(second))
        assert (
            await failure_of(server.stub.TranslateText(REQUEST, metadata=bearer()))
        ).code == UNAUTHENTICATED


@pytest.mark.usefixtures("quick_looks")
async def test_a_file_that_becomes_bad_keeps_the_keys_in_force(tmp_path: Path) -> None:
    path = tmp_path / "keys.yaml"
    write(path, entry())
    async with running(api_keys=path) as server:
        server.engine.echo = True
        write(path, entry(weight="heavy"))
        await until(lambda: reloads(server, "REFUSED") == 1)
        await server.stub.TranslateText(REQUEST, metadata=bearer())
        path.write_text("[]")
        await until(lambda: reloads(server, "OK") == 1)
        failure = await failure_of(server.stub.TranslateText(REQUEST, metadata=bearer()))
        assert failure.code == UNAUTHENTICATED


@pytest.mark.usefixtures("quick_looks")
async def test_a_stream_lasts_no_longer_than_its_key(tmp_path: Path) -> None:
    path = tmp_path / "keys.yaml"
    write(path, entry())
    async with running(api_keys=path) as server:
        server.engine.echo = True
        call = server.stub.StreamTranslateText(metadata=bearer())
        await call.write(StreamTranslateTextRequest(id="1", content="a"))
        assert (await read(call)).HasField("translation")
        path.write_text("[]")
        await until(lambda: reloads(server, "OK") == 1)
        await call.write(StreamTranslateTextRequest(id="2", content="a"))
        assert unpacked((await read(call)).error).reason == "CREDENTIALS_REFUSED"
        await call.done_writing()


SIGNER = ec.generate_private_key(ec.SECP256R1())


def token(key: ec.EllipticCurvePrivateKey = SIGNER, **claims: object) -> str:
    said = {
        "iss": "https://issuer.example",
        "aud": "dragoman",
        "sub": "user",
        "exp": int(time.time()) + 60,
        "dragoman": {"methods": ["*"], "models": ["*"]},
    }
    return jwt.encode(said | claims, key, "ES256")


def write_jwks(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    public = ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
    path.write_text(json.dumps({"keys": [public]}))


@pytest.mark.usefixtures("quick_looks")
async def test_a_token_opens_what_its_claim_grants(tmp_path: Path) -> None:
    path = tmp_path / "jwks.json"
    write_jwks(path, SIGNER)
    async with running(
        jwt_jwks=path,
        jwt_issuer="https://issuer.example",
        jwt_audience="dragoman",
        jwt_algorithm="ES256",
    ) as server:
        server.engine.echo = True
        await server.stub.TranslateText(REQUEST, metadata=bearer(token()))
        assert server.engine.texts[0].sender.caller == "jwt:user"
        for refused in (token(aud="other"), token(exp=1), KEY):
            failure = await failure_of(server.stub.TranslateText(REQUEST, metadata=bearer(refused)))
            assert failure.reason == "CREDENTIALS_REFUSED"
        bare = bearer(token(dragoman={"methods": ["ListModels"], "models": []}))
        failure = await failure_of(server.stub.TranslateText(REQUEST, metadata=bare))
        assert failure.code == grpc.StatusCode.PERMISSION_DENIED
        other = ec.generate_private_key(ec.SECP256R1())
        write_jwks(path, other)
        await until(lambda: reloads(server, "OK", "jwks") == 1)
        await server.stub.TranslateText(REQUEST, metadata=bearer(token(other)))
        failure = await failure_of(server.stub.TranslateText(REQUEST, metadata=bearer(token())))
        assert failure.code == UNAUTHENTICATED


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"api_key_entries": "- 5"}, "api_key_entries: entry 1"),
        ({"api_keys": "/nowhere/keys.yaml"}, "api_keys /nowhere/keys.yaml cannot be read"),
        (
            {"jwt_jwks": "/nowhere/jwks.json", "jwt_issuer": "a", "jwt_audience": "b"},
            "^jwt_jwks /nowhere/jwks.json cannot be read",
        ),
        (
            {"api_key_entries": "- {name: a, certificate: b, methods: [], models: []}"},
            "need tls_client_ca",
        ),
    ],
)
async def test_a_server_with_a_wrong_file_does_not_start(
    settings: dict[str, object], told: str
) -> None:
    with pytest.raises(ConfigError, match=told):
        make_application(make_config(**settings), FakeEngine(), Metrics())
