"""The server's image as a cluster runs it, seen from another host."""

import asyncio
import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from dragoman import AsyncClient, Client
from tests.image.conftest import Images
from tests.image.container import Container, Mount, run
from tests.image.network import Network
from tests.image.serving import Serving, serving


@pytest.fixture(scope="module")
def server(
    images: Images, bundle: Mount, host: Network, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Serving]:
    """What the image runs by itself."""
    directory = tmp_path_factory.mktemp("server")
    with serving(Container(images["cpu"], directory, mounts=[bundle], network=host)) as served:
        yield served


def test_the_health_check_passes(images: Images, server: Serving) -> None:
    kind, *command = images["cpu"].config["Healthcheck"]["Test"]
    assert kind == "CMD"
    answer = server.container.execute(command)
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "SERVING\n", "")


def test_its_log_is_its_own(server: Serving) -> None:
    """What is not JSON comes from a library that missed something here, or wants to say it."""
    assert [line for line in server.log if not line.startswith("{")] == []


@pytest.mark.usefixtures("server")
def test_it_translates(host: Network) -> None:
    with Client(f"{host.address}:50051") as client:
        assert client.translate("Good morning!").translated_text == "Guten Morgen!"


@pytest.mark.usefixtures("server")
def test_it_shows_metrics(host: Network) -> None:
    with urllib.request.urlopen(f"http://{host.address}:9464/metrics", timeout=10) as page:
        assert 'dragoman_model_info{architecture="marian"' in page.read().decode()


def test_sigterm_answers_what_is_in_flight(
    images: Images, bundle: Mount, other_host: Network, tmp_path: Path
) -> None:
    container = Container(images["cpu"], tmp_path, mounts=[bundle], network=other_host)
    texts = ["She has been learning German for two years."] * 1000

    async def terminated_amid_a_call(served: Serving) -> int:
        async with AsyncClient(f"{other_host.address}:50051", timeout=60) as client:
            call = asyncio.create_task(client.translate(texts))
            # A text that came later and is answered: the call before it is in progress.
            await client.translate("Good morning!")
            assert not call.done()
            code = await asyncio.to_thread(served.stop)
            assert len(await call) == len(texts)
            return code

    with serving(container) as served:
        assert asyncio.run(terminated_amid_a_call(served)) == 0
    events = [json.loads(line)["event"] for line in served.log if line.startswith("{")]
    assert "drained" in events


def test_front_end_processes_need_nothing_writable_either(
    images: Images, bundle: Mount, other_host: Network, tmp_path: Path
) -> None:
    command = ["dragoman", "serve", "--workers", "2"]
    container = Container(
        images["cpu"], tmp_path, command=command, mounts=[bundle], network=other_host
    )
    with serving(container) as served, Client(f"{other_host.address}:50051") as client:
        assert client.translate("Good morning!").translated_text == "Guten Morgen!"
        assert served.stop() == 0


def test_without_a_bundle_it_says_so(images: Images, tmp_path: Path) -> None:
    ended = run(images["cpu"], tmp_path, ["dragoman", "serve"])
    assert ended.returncode == 2
    assert "/bundle" in ended.stderr
