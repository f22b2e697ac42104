"""The GPU server's image, on a machine without a GPU: what it says then, and what it still can."""

from pathlib import Path

import pytest

from dragoman import Client
from tests.image.conftest import Images
from tests.image.container import Container, Mount, run
from tests.image.network import Network
from tests.image.serving import serving

# Loads NVIDIA's libraries, onnxruntime's CUDA provider and all that it is linked to.
LOAD_PROVIDER = """
import ctypes, pathlib, onnxruntime
onnxruntime.preload_dlls()
library = pathlib.Path(onnxruntime.__file__).parent / "capi"
ctypes.CDLL(library / "libonnxruntime_providers_shared.so", ctypes.RTLD_GLOBAL)
ctypes.CDLL(library / "libonnxruntime_providers_cuda.so")
"""


def test_its_cpu_provider_serves(
    images: Images, bundle: Mount, other_host: Network, tmp_path: Path
) -> None:
    command = ["dragoman", "serve", "--provider", "cpu"]
    container = Container(
        images["gpu"], tmp_path, command=command, mounts=[bundle], network=other_host
    )
    with serving(container) as served, Client(f"{other_host.address}:50051") as client:
        assert client.translate("Good morning!").translated_text == "Guten Morgen!"
        assert served.stop() == 0


def test_without_a_gpu_its_cuda_provider_says_so(
    images: Images, bundle: Mount, tmp_path: Path
) -> None:
    command = ["dragoman", "serve", "--provider", "cuda"]
    ended = run(images["gpu"], tmp_path, command, [bundle])
    assert ended.returncode == 2
    *_, last = ended.stderr.splitlines()
    assert last.startswith("dragoman serve: provider cuda does not start")


def test_only_the_drivers_library_is_missing(images: Images, tmp_path: Path) -> None:
    ended = run(images["gpu"], tmp_path, ["python", "-c", LOAD_PROVIDER])
    assert ended.stdout == ""  # onnxruntime prints which of NVIDIA's libraries it does not find
    *_, last = ended.stderr.splitlines()
    assert last.startswith("OSError: libcuda.so.1: cannot open shared object file")


@pytest.mark.parametrize("target", ["gpu", "torch"])
def test_it_asks_nvidias_runtime_for_the_gpus(target: str, images: Images) -> None:
    variables = images[target].config["Env"]
    assert "NVIDIA_VISIBLE_DEVICES=all" in variables
    assert "NVIDIA_DRIVER_CAPABILITIES=compute,utility" in variables
