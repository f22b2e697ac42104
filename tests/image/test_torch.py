"""The image that serves bundles that PyTorch runs, with PyTorch's build for processors."""

from pathlib import Path

import pytest

from dragoman import Client
from tests.image.conftest import Images
from tests.image.container import Container, Mount, run
from tests.image.network import Network
from tests.image.serving import serving


@pytest.fixture
def torchscript(images: Images) -> Mount:
    return Mount(images["model-torchscript"].root, "/bundle")


@pytest.mark.parametrize(("graphs", "options"), [("torchscript", []), ("pt2", ["--workers=2"])])
def test_it_serves_and_needs_nothing_writable(
    graphs: str, options: list[str], images: Images, other_host: Network, tmp_path: Path
) -> None:
    image, bundle = images["torch"], Mount(images[f"model-{graphs}"].root, "/bundle")
    command = [*image.config["Entrypoint"], *image.config["Cmd"], *options]
    container = Container(image, tmp_path, command=command, mounts=[bundle], network=other_host)
    with serving(container) as served, Client(f"{other_host.address}:50051") as client:
        assert client.translate("Good morning!").translated_text == "Guten Morgen!"
        kind, *health = image.config["Healthcheck"]["Test"]
        answer = served.container.execute(health)
        assert (kind, answer.stdout, answer.stderr) == ("CMD", "SERVING\n", "")
        assert served.stop() == 0
    assert [line for line in served.log if not line.startswith("{")] == []


def test_a_bundle_for_onnxruntime_is_told_what_runs_it(
    images: Images, bundle: Mount, tmp_path: Path
) -> None:
    ended = run(images["torch"], tmp_path, ["dragoman", "serve"], [bundle])
    assert ended.returncode == 2
    *_, last = ended.stderr.splitlines()
    assert "onnxruntime" in last


def test_a_bundle_for_pytorch_is_told_what_runs_it(
    images: Images, torchscript: Mount, tmp_path: Path
) -> None:
    ended = run(images["cpu"], tmp_path, ["dragoman", "serve"], [torchscript])
    assert ended.returncode == 2
    *_, last = ended.stderr.splitlines()
    assert "torch" in last


def test_without_a_gpu_its_cuda_provider_says_so(
    images: Images, torchscript: Mount, tmp_path: Path
) -> None:
    command = ["dragoman", "serve", "--provider", "cuda"]
    ended = run(images["torch"], tmp_path, command, [torchscript])
    assert ended.returncode == 2
    *_, last = ended.stderr.splitlines()
    assert "cuda" in last
