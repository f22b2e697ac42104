"""Keys, tokens and texts appear in no line of the log, no metric and no error, whatever goes wrong.

Each is a random word here, which would be found wherever it appears, as it is or encoded.
"""

import asyncio
import base64
import io
import json
import logging
import os
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Iterator
from pathlib import Path
from typing import Literal

import jwt
import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric import ec
from google.protobuf.message import Message
from grpc import aio
from jwt.algorithms import ECAlgorithm

from dragoman.v1.translation_pb2 import (
    DecodingOptions,
    ListModelsRequest,
    StreamTranslateTextRequest,
    StreamTranslateTextResponse,
    TranslateTextRequest,
)
from dragoman_server.access import watched_files
from dragoman_server.access.keys import hash_of, new_key
from dragoman_server.monitoring.logs import JsonFormatter, TextFormatter
from tests.attacks import http2
from tests.server.collector import Collector, attributes
from tests.server.service.harness import OPENMETRICS, SERVICE, Running, running

KEY, WRONG_KEY, FREE_KEY = new_key(), new_key(), new_key()
# FREE_KEY has no limit.
SIGNER = ec.generate_private_key(ec.SECP256R1())
TEXT, PREFIX = (f"text{secrets.token_hex(16)}" for _ in range(2))


def token(key: ec.EllipticCurvePrivateKey = SIGNER, **claims: object) -> str:
    said = {"iss": "issuer", "aud": "dragoman", "sub": "user", "exp": int(time.time()) + 86400}
    said["dragoman"] = {"methods": ["*"], "models": ["*"], "texts_per_second": 3}
    return jwt.encode(said | claims, key, "ES256")


TOKEN = token(jti=secrets.token_hex(16))
WRONG_TOKENS = (token(ec.generate_private_key(ec.SECP256R1())), token(aud="x"), token(exp=1))

PARTS = [part for each in (TOKEN, *WRONG_TOKENS) for part in each.split(".")[1:]]

SECRETS = [KEY, WRONG_KEY, FREE_KEY, TEXT, PREFIX, *PARTS]


def found(haystack: str) -> list[str]:
    """The secrets that are somewhere in a text, as they are or in base64 or hexadecimal."""
    return [each for each in SECRETS if any(form in haystack for form in forms(each))]


def forms(secret: str) -> Iterator[str]:
    yield secret
    yield secret.encode().hex()
    for before in (b"", b"-", b"--"):  # where it begins among base64's threes
        yield base64.b64encode(before + secret.encode()).decode()[4:-4]


class Log:
    """All that the server writes, in both forms."""

    def __init__(self) -> None:
        self.lines = io.StringIO()
        self.handlers: list[logging.Handler] = []
        for formatter in (JsonFormatter(), TextFormatter()):
            handler = logging.StreamHandler(self.lines)
            handler.setFormatter(formatter)
            self.handlers.append(handler)


@pytest.fixture
def log() -> Iterator[Log]:
    made = Log()
    root, ours = logging.getLogger(), logging.getLogger("dragoman_server")
    level = ours.level
    ours.setLevel(logging.DEBUG)
    for handler in made.handlers:
        root.addHandler(handler)
    yield made
    for handler in made.handlers:
        root.removeHandler(handler)
    ours.setLevel(level)


def write_keys(path: Path) -> None:
    grant = {"methods": ["*"], "models": ["*"]}
    limited = {"name": "acme", "sha256": hash_of(KEY), "texts_per_second": 5} | grant
    path.write_text(
        yaml.safe_dump([limited, {"name": "free", "sha256": hash_of(FREE_KEY)} | grant])
    )


@pytest.fixture
async def guarded(
    log: Log, collector: Collector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Running]:
    monkeypatch.setattr(watched_files, "LOOK_SECONDS", 0.01)
    write_keys(tmp_path / "keys.yaml")
    public = ECAlgorithm.to_jwk(SIGNER.public_key(), as_dict=True)
    (tmp_path / "jwks.json").write_text(json.dumps({"keys": [public]}))
    assert log.handlers
    async with running(
        api_keys=tmp_path / "keys.yaml",
        jwt_jwks=tmp_path / "jwks.json",
        jwt_issuer="issuer",
        jwt_audience="dragoman",
        jwt_algorithm="ES256",
        log_level="debug",
        access_log="calls",
        otlp_endpoint=collector.endpoint,
        trace_sampling=1.0,
    ) as server:
        server.engine.echo = True
        yield server


Metadata = tuple[tuple[str, str | bytes], ...]

SHOWN: list[Metadata] = [
    (("authorization", f"Bearer {KEY}"),),
    (("x-api-key", KEY),),
    (("x-api-key", WRONG_KEY),),
    (("authorization", f"Bearer {WRONG_KEY}"),),
    (("authorization", KEY),),
    (("authorization", f"Bearer {KEY}"), ("x-api-key", WRONG_KEY)),
    (("x-api-key", f"{KEY} {TOKEN}"),),
    (("x-api-key-bin", KEY.encode()),),
    (("authorization", f"Bearer {TOKEN}"),),
    (("authorization", f"Bearer {TOKEN}x"),),
    *((("authorization", f"Bearer {wrong}"),) for wrong in WRONG_TOKENS),
    (("authorization", f"Bearer {WRONG_KEY}.{WRONG_KEY}.{WRONG_KEY}"),),
]


async def told(call: Awaitable[object]) -> str:
    """All that a client is told by an error; its own answer may have its text."""
    try:
        await call
    except aio.AioRpcError as error:
        return repr(
            (
                error.code(),
                error.details(),
                list(error.trailing_metadata()),
                error.debug_error_string(),
            )
        )
    return ""


async def told_by_stream(server: Running, request: Message, metadata: Metadata) -> str:
    call = server.stub.StreamTranslateText(metadata=metadata)
    try:
        await call.write(request)  # type: ignore[arg-type]
        answer = await call.read()
    except aio.AioRpcError as error:
        return repr((error.details(), list(error.trailing_metadata() or ())))
    call.cancel()
    assert isinstance(answer, StreamTranslateTextResponse)
    return repr(answer.error)


REQUESTS = [
    TranslateTextRequest(contents=[TEXT]),
    TranslateTextRequest(contents=[TEXT] * 100),
    TranslateTextRequest(contents=[f"{TEXT}\0"]),
    TranslateTextRequest(contents=[f"{TEXT} " * 40]),
    TranslateTextRequest(contents=[TEXT], options=DecodingOptions(target_prefix=f"{PREFIX}\0")),
    TranslateTextRequest(contents=[TEXT], options=DecodingOptions(target_prefix=f"{PREFIX} " * 40)),
]


async def test_no_call_leaves_a_trace_of_a_secret(
    guarded: Running, log: Log, collector: Collector, tmp_path: Path
) -> None:
    errors: list[str] = []
    for metadata in SHOWN:
        stub = guarded.stub
        errors += [await told(stub.TranslateText(each, metadata=metadata)) for each in REQUESTS]
        errors.append(await told(stub.ListModels(ListModelsRequest(), metadata=metadata)))
        broken: aio.UnaryUnaryMultiCallable[bytes, bytes] = guarded.channel.unary_unary(
            f"/{SERVICE}/TranslateText"
        )
        errors.append(await told(broken(b"\xff" + TEXT.encode(), metadata=metadata)))
        for content in (TEXT, f"{TEXT}\0", f"{TEXT} " * 40):
            request = StreamTranslateTextRequest(id="1", content=content)
            errors.append(await told_by_stream(guarded, request, metadata))
    assert sum("CREDENTIALS_REFUSED" in error or "accepted" in error for error in errors) > 50
    assert any("RATE_LIMITED" in error for error in errors)
    assert any("NUL_CHARACTER" in error for error in errors)
    await break_the_engine(guarded, errors)
    await send_what_is_no_text(guarded)
    for content in (f"- {WRONG_KEY}", f"- {{{WRONG_KEY}", f"- sha256: {WRONG_KEY}", f"- *{KEY}"):
        before = reloads(guarded)
        (tmp_path / "keys.yaml").write_text(content)
        await until(guarded, before + 1)
    page = guarded.scrape() + guarded.scrape(OPENMETRICS)
    await guarded.application.close()  # which tells the last spans
    callers = {attributes(span).get("dragoman.caller") for span in collector.spans}
    assert callers >= {"acme", "jwt:user"}  # a key's and a token's
    assert all(f'caller="{each}"' in page for each in ("acme", "jwt:user"))
    assert found(repr(collector.requests)) == []
    written = log.lines.getvalue()
    assert '"caller": "acme"' in written
    assert "request_ended" in written
    assert "file_refused" in written
    assert "library_failed" in written  # of bytes that are no text, told by grpc's own logger
    assert "request_failed" in written
    assert found(written) == []
    assert found(page) == []
    assert found("\n".join(errors)) == []


async def break_the_engine(server: Running, errors: list[str]) -> None:
    """Its own exception has the text."""
    server.engine.echo = False
    call = server.stub.TranslateText(REQUESTS[0], metadata=(("x-api-key", FREE_KEY),))
    waiting = asyncio.create_task(told(call))
    async with asyncio.timeout(60):
        text = (await server.engine.has_texts(len(server.engine.texts) + 1))[-1]
    text.fail(RuntimeError(f"cannot translate {TEXT}"))
    errors.append(await waiting)


async def send_what_is_no_text(server: Running) -> None:
    """Bytes that are no UTF-8 beside a key, which grpc itself complains of in its log."""
    connection = await http2.Connection.open(f"127.0.0.1:{server.application.port}")
    block = http2.headers(
        f"/{SERVICE}/TranslateText".encode(),
        (b"x-api-key", KEY.encode() + b"\xe9\xff"),  # type: ignore[arg-type]
    )
    connection.send(http2.frame(http2.HEADERS, http2.END_HEADERS, 1, block))
    status, details = await asyncio.wait_for(connection.status_of(1), 60)
    assert status == "16"
    assert found(details) == []
    await connection.close()


def reloads(server: Running) -> float:
    return server.sample("dragoman_file_reloads_total", file="api_keys", outcome="REFUSED")


async def until(server: Running, count: float) -> None:
    async with asyncio.timeout(60):
        while reloads(server) < count:  # noqa: ASYNC110  a metric wakes nobody
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("form", ["", "base64", "hex"])
def test_a_secret_would_be_found(form: Literal["", "base64", "hex"]) -> None:
    raw = os.urandom(2) + KEY.encode() + b"end"
    haystack = {
        "": f"x{KEY}y",
        "base64": base64.b64encode(raw).decode(),
        "hex": raw.hex(),
    }[form]
    assert found(haystack) == [KEY]
