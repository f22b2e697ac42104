"""The key: sent with every call, shown nowhere, and never in the clear to another machine."""

import pickle
import traceback
from pathlib import Path

import pytest
from google.rpc import code_pb2  # type: ignore[import-untyped]  # .pyi files but no py.typed

from dragoman import AsyncClient, AuthenticationError, Client, InvalidArgumentError
from dragoman.commands import health, translate
from dragoman.corpora.backends.service import Service
from dragoman.credentials import ApiKey, as_api_key, metadata_of
from dragoman.options import Options
from dragoman.target import Target
from tests.clients.fake_server import FakeServer, cause, status

KEY = "dragoman_canary"
SENT = f"Bearer {KEY}"
ELSEWHERE = "translate.example:50051"


@pytest.fixture(autouse=True)
def no_key_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DRAGOMAN_API_KEY", raising=False)


def test_every_call_of_a_client_has_the_key(server: FakeServer) -> None:
    with Client(server.target, api_key=KEY) as client:
        client.translate("a")
        client.models()
        assert [result.error for result in client.translate_stream(["a"])] == [None]
    assert server.keys == [SENT] * 3


async def test_so_has_every_call_of_an_async_client(server: FakeServer) -> None:
    async with AsyncClient(server.target, api_key=KEY) as client:
        await client.translate("a")
        await client.models()
        assert [result.error async for result in client.translate_stream(["a"])] == [None]
    assert server.keys == [SENT] * 3


def test_without_a_key_none_is_sent(server: FakeServer) -> None:
    with Client(server.target) as client:
        client.translate("a")
    assert server.keys == [None]


def test_the_environment_has_the_key_where_the_program_gives_none(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DRAGOMAN_API_KEY", KEY)
    for given in (None, "", "another"):
        with Client(server.target, api_key=given) as client:
            client.translate("a")
    assert server.keys == [SENT, None, "Bearer another"]


@pytest.mark.parametrize(
    "target",
    [
        ELSEWHERE,
        f"dns:///{ELSEWHERE}",
        "192.0.2.1:50051",
        "[2001:db8::1]:50051",
        "ipv4:127.0.0.1:50051,192.0.2.1:50051",
        "localhost.example:50051",
        "127.0.0.1.example:50051",
        "dns://192.0.2.1/localhost:50051",
        "xds:///localhost:50051",
    ],
)
def test_a_key_is_not_sent_to_another_machine_in_plain_text(target: str) -> None:
    for kind in (Client, AsyncClient):
        with pytest.raises(InvalidArgumentError, match="in plain text") as caught:
            kind(target, api_key=KEY)
        assert caught.value.reason == "API_KEY_IN_CLEAR"
        assert KEY not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ("target", "insecure"),
    [
        (Target(ELSEWHERE, tls=True), False),
        (Target(ELSEWHERE), True),
        (Target("localhost:1"), False),
        (Target("127.8.8.8:1"), False),
        (Target("[::1]:1"), False),
        (Target("unix:///run/dragoman.sock"), False),
    ],
)
def test_it_is_over_tls_to_this_machine_or_where_that_is_allowed(
    target: Target, insecure: bool
) -> None:
    key = as_api_key(KEY, target, insecure=insecure)
    assert metadata_of(key) == (("authorization", SENT),)


@pytest.mark.parametrize("value", ["canary\n", "a canary", "canary\0", "canäry", "canary" * 2000])
def test_what_cannot_be_sent_is_refused_and_not_quoted(value: str) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        Client("localhost:1", api_key=value)
    assert caught.value.reason == "INVALID_API_KEY"
    assert "can" not in str(caught.value)


def test_a_key_of_another_type_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="api_key must be str or None, not bytes"):
        Client("localhost:1", api_key=b"a")  # type: ignore[arg-type]
    with pytest.raises(InvalidArgumentError, match="insecure_api_key must be bool"):
        Client("localhost:1", insecure_api_key=1)  # type: ignore[arg-type]


def test_a_key_is_not_shown(server: FakeServer) -> None:
    key = ApiKey(KEY)
    service = Service("localhost:1", None, 1, 1.0, KEY)
    with Client(server.target, api_key=KEY) as client:
        for shown in (key, service, client, client.__dict__.keys()):
            assert KEY not in f"{shown!r} {shown}"
    assert pickle.loads(pickle.dumps(key)).metadata == key.metadata


def test_what_the_server_says_of_a_key_is_an_authentication_error(server: FakeServer) -> None:
    for code in (code_pb2.UNAUTHENTICATED, code_pb2.PERMISSION_DENIED):
        server.failures.append(status(code, "no", cause("CREDENTIALS_REFUSED")))
        with (
            Client(server.target, api_key=KEY) as client,
            pytest.raises(AuthenticationError) as caught,
        ):
            client.translate("a")
        assert caught.value.reason == "CREDENTIALS_REFUSED"
        assert caught.value.code.value[0] == code


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "key"
    path.write_text(f"{KEY}\n")
    return path


def test_commands_send_the_key_of_a_flag_a_file_or_the_environment(
    server: FakeServer, key_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = ["--target", server.target]
    assert translate.main([*target, "--api-key", KEY, "a"]) == 0
    assert translate.main([*target, "--api-key-file", str(key_file), "a"]) == 0
    assert health.main([*target, "--api-key", KEY, "--service", ""]) == 0
    monkeypatch.setenv("DRAGOMAN_API_KEY", KEY)
    assert translate.main([*target, "a"]) == 0
    assert set(server.keys) == {SENT}


def test_commands_refuse_to_send_it_in_the_clear(
    key_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--target", ELSEWHERE, "--api-key-file", str(key_file)]
    assert translate.main([*flags, "a"]) == 2
    assert health.main(flags) == 2
    told = capsys.readouterr().err
    assert told.count("would be sent to translate.example:50051 in plain text") == 2
    assert KEY not in told


def test_two_keys_are_one_too_many(key_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        translate.main(["--api-key", KEY, "--api-key-file", str(key_file), "a"])
    told = capsys.readouterr().err
    assert "give either --api-key or --api-key-file" in told
    assert KEY not in told


def test_a_key_file_that_is_not_there_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert translate.main(["--api-key-file", "/nowhere/key", "a"]) == 2
    assert "No such file" in capsys.readouterr().err


def test_the_workers_of_a_corpus_send_it_too(server: FakeServer) -> None:
    service = pickle.loads(pickle.dumps(Service(server.target, None, 1, 20.0, KEY)))
    assert service.identify(Options())["name"] == "fake"
    assert server.keys == [SENT]
