import json
import threading
from typing import cast

import grpc
import pytest

from dragoman import AsyncClient, Client, ConnectError
from dragoman.channel import SERVICE, SERVICE_CONFIG, channel_options
from dragoman.target import PROXIES
from dragoman.v1 import translation_pb2 as pb
from tests.clients.fake_server import FakeServer, Requests, Responses, abort, answer, draining


def test_the_service_config_is_json_about_this_service() -> None:
    options = dict(channel_options())
    config = json.loads(str(options["grpc.service_config"]))
    assert config == SERVICE_CONFIG
    assert pb.DESCRIPTOR.services_by_name["TranslationService"].full_name == SERVICE


def test_the_options_name_each_thing_once() -> None:
    names = [name for name, _ in channel_options()]
    assert len(names) == len(set(names))


def test_grpc_does_not_retry_streams_which_the_client_does(
    server: FakeServer, client: Client
) -> None:
    def drop(requests: Requests, context: grpc.ServicerContext) -> Responses:
        yield from map(answer, [next(requests)])
        abort(context, draining())

    server.streams.append(drop)
    assert len(list(client.translate_stream(["a", "b"]))) == 2
    assert server.streams_opened == 2


def test_a_replica_that_does_not_serve_gets_no_calls() -> None:
    with FakeServer() as leaving, FakeServer() as staying:
        target = f"ipv4:{leaving.target},{staying.target}"
        with Client(target, timeout=60) as client:
            while not leaving.requests:  # it may be connected to later than the other
                client.translate("a")
            leaving.stop_serving()
            while leaving.requests:  # until the client has heard of it
                leaving.requests.clear()
                for _ in range(10):
                    client.translate("a")
            staying.requests.clear()
            for _ in range(20):
                client.translate("a")
            assert len(staying.requests) == 20


async def test_no_proxy_is_asked_for_this_machine(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in PROXIES:
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with Client(server.target) as client:
        assert client.translate("a").translated_text == "A"
    async with AsyncClient(server.target) as async_client:
        assert (await async_client.translate("a")).translated_text == "A"


def test_an_error_through_a_proxy_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("grpc_proxy", "http://127.0.0.1:1")
    with (
        Client("mt.invalid:50051", retry_seconds=0) as client,
        pytest.raises(ConnectError, match=r"mt\.invalid:50051 through the proxy 127\.0\.0\.1:1 "),
    ):
        client.translate("a")


def test_threads_may_share_a_client(server: FakeServer, client: Client) -> None:
    translated: list[str] = []

    def work(name: str) -> None:
        translated.append(client.translate(name).translated_text)
        results = client.translate_stream([name] * 50)
        translated.extend(result.translation.translated_text for result in results)

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(translated) == sorted("ABCD" * 51)
    assert server.streams_opened == 4


def test_the_server_is_told_which_client_it_is(server: FakeServer, client: Client) -> None:
    agents: list[str] = []

    def look(requests: Requests, context: grpc.ServicerContext) -> Responses:
        metadata = dict(cast("tuple[tuple[str, str], ...]", context.invocation_metadata()))
        agents.append(metadata["user-agent"])
        return map(answer, requests)

    server.streams.append(look)
    list(client.translate_stream(["a"]))
    assert agents[0].startswith("dragoman/")
