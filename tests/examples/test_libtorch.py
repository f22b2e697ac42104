"""The program in C++, built against the PyTorch that is installed, and what Triton makes of its
configuration: `make libtorch-test`."""

import importlib.util
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from google.protobuf import text_format

from examples.triton_server import make_model
from tests.examples.conftest import Example

pytestmark = pytest.mark.libtorch

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As CMakeLists.txt says it is built."""
    if shutil.which("cmake") is None:
        pytest.skip("needs CMake and a compiler")
    build = tmp_path_factory.mktemp("libtorch")
    source, torch_is_in = ROOT / "examples/libtorch", torch.utils.cmake_prefix_path
    options = ["-DCMAKE_BUILD_TYPE=Release", f"-DCMAKE_PREFIX_PATH={torch_is_in}"]
    subprocess.run(["cmake", "-S", source, "-B", build, *options], check=True)
    subprocess.run(["cmake", "--build", build], check=True)
    return build / "translate"


def run(program: Path, *words: object) -> subprocess.CompletedProcess[str]:
    command = [str(program), *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def spelled(rows: list[list[int]]) -> list[str]:
    return [" ".join(map(str, row)) for row in rows]


def start_id(bundle: Path) -> int:
    manifest = json.loads((bundle / "bundle.json").read_text())
    return int(manifest["special_tokens"]["decoder_start_id"])


def test_it_says_what_the_modules_say(program: Path, attending: Example) -> None:
    bundle, sources, translations, limit, end_id = attending
    ended = run(program, bundle, "cpu", start_id(bundle), end_id, limit, *spelled(sources))
    assert (ended.stdout.splitlines(), ended.stderr) == (spelled(translations), "")


def test_a_recurrent_decoder_is_refused(program: Path, recurrent: Example) -> None:
    bundle, _, _, limit, end_id = recurrent
    ended = run(program, bundle, "cpu", start_id(bundle), end_id, limit, "5 0")
    assert ended.returncode == 1
    assert ended.stderr.startswith("translate: the decoder has no self-attention")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nowhere", "cpu", 1, 0, 9, "5 0"], "translate: open file failed"),
        (["nowhere", "cpu", 1, 0, 9, "five"], "translate: 'five' are no token ids"),
        (["nowhere", "cpu", 1, 0, 9], "usage: translate BUNDLE DEVICE START END LIMIT IDS"),
    ],
)
def test_what_is_given_wrongly_is_told(program: Path, words: list[object], said: str) -> None:
    ended = run(program, *words)
    assert ended.returncode in {1, 2}
    assert said in ended.stderr


def test_triton_reads_the_configuration(attending: Example) -> None:
    model = make_model.make_model(attending.bundle, -1)
    config = model_config()
    text_format.Parse((ROOT / "examples/triton_server/translate/config.pbtxt").read_text(), config)
    inputs = [each.name for each in config.input]
    made_by_triton = [name for each in config.batch_input for name in each.target_name]
    schema = cast("Any", model).forward.schema
    assert [*inputs, *made_by_triton] == [each.name for each in schema.arguments[1:]]
    assert [each.name for each in config.output] == ["translation__0"]
    assert len(schema.returns) == 1
    assert config.max_batch_size > 1
    assert [list(each.dims) for each in (*config.input, *config.output)] == [[-1], [-1]]


def model_config() -> Any:
    """Triton's own message of a model's settings: tritonclient's file of it and no other."""
    file = ROOT / "build/tritonclient/tritonclient/grpc/model_config_pb2.py"
    if not file.exists():
        pytest.skip("needs what `make libtorch-test` installs")
    spec = importlib.util.spec_from_file_location("model_config_pb2", file)
    assert spec is not None
    assert spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.ModelConfig()
