"""What runs a bundle is settled by its format, and nothing else is loaded or needed."""

import subprocess
import sys
from textwrap import dedent

import pytest

from dragoman.v1.bundle_pb2 import Manifest
from dragoman_server.errors import ConfigError
from dragoman_server.runtime import runners
from dragoman_server.runtime.pytorch import loading
from dragoman_server.runtime.runtimes import choose

LIBRARIES = {"float32": "onnxruntime", "torchscript": "torch"}

EXTRAS = {"onnxruntime": "one of the extras server and gpu", "torch": "the extra torch"}

WITHOUT = """
    import sys

    own, other, blocked = sys.argv[1:]
    sys.modules[blocked] = None  # as if it were not installed

    from pathlib import Path
    from dragoman.v1.translation_pb2 import StreamTranslateTextRequest
    from dragoman_server.config import Config
    from dragoman_server.doctor.cli import main as doctor
    from dragoman_server.local import LocalTranslator
    from dragoman_server.models import read_manifest

    aligned = read_manifest(Path(own)).HasField("attention")
    config = Config(bundle=(Path(own),), engines=1, max_batch_size=4)
    with LocalTranslator.open(config) as translator:
        request = StreamTranslateTextRequest(content="the cat", return_alignment=aligned)
        (found,) = translator.translate_stream([request])
    print(translator.model.runtime, "says", found.translated_text)
    sys.exit(doctor(["--bundle", own, "--bundle", other, "--port", "0", "--prometheus-port", "0"]))
"""


def manifest(written: str) -> Manifest:
    return Manifest(name="tiny", format=written, providers=["cuda", "cpu"])


@pytest.mark.parametrize("asked", ["auto", "same"])
@pytest.mark.parametrize("written", ["", "onnx", "torchscript", "pt2"])
def test_each_format_has_its_runtime(written: str, asked: str) -> None:
    expected = loading if written in {"torchscript", "pt2"} else runners
    name = "torch" if expected is loading else "onnxruntime"
    chosen = choose(manifest(written), name if asked == "same" else asked, "cpu")
    assert chosen == (name, expected, "cpu")


@pytest.mark.parametrize(
    ("written", "asked", "message"),
    [
        ("", "torch", "is in the format onnx, which onnxruntime runs; allowed: onnxruntime or"),
        ("pt2", "onnxruntime", "is in the format pt2, which torch runs; allowed: torch or auto"),
    ],
)
def test_a_runtime_that_a_bundle_is_not_for_is_refused(
    written: str, asked: str, message: str
) -> None:
    with pytest.raises(ConfigError, match=f"runtime {asked} is asked for, .* tiny {message}"):
        choose(manifest(written), asked, "cpu")


@pytest.mark.parametrize("needs", LIBRARIES)
def test_a_server_needs_no_other_library(needs: str, request: pytest.FixtureRequest) -> None:
    bundles = {name: str(request.getfixturevalue(f"{name}_bundle")) for name in LIBRARIES}
    own = bundles.pop(needs)
    (other,), library = bundles.values(), LIBRARIES[needs]
    (blocked,) = set(LIBRARIES.values()) - {library}
    command = [sys.executable, "-c", dedent(WITHOUT), own, other, blocked]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    said = " ".join(run.stdout.split())
    assert said.startswith(f"{library} says the "), run.stderr
    assert f"{library} runs tiny on cpu" in said
    assert run.returncode == 2
    assert f"needs {blocked}, which cannot be loaded" in said
    assert f"Install Dragoman with {EXTRAS[blocked]}" in said
