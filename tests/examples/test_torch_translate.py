"""The minimal loader says what the modules say that its bundle was made from."""

import os
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from examples import torch_translate
from examples.torch_translate import Pieces, Translator
from tests.examples.conftest import Example


def run(*words: str) -> subprocess.CompletedProcess[str]:
    """Runs a Python that has installed packages, but not those that are linked to: not ours."""
    environment = os.environ | {"PYTHONPATH": sysconfig.get_path("purelib")}
    command = [sys.executable, "-S", "-W", "error", *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def words(rows: Sequence[Sequence[int]]) -> list[str]:
    return [" ".join(map(str, row)) for row in rows]


def test_nothing_of_ours_is_there() -> None:
    for package in ("dragoman", "dragoman_export", "dragoman_server"):
        assert f"No module named '{package}'" in run("-c", f"import {package}").stderr


@pytest.mark.parametrize("graphs", ["torchscript", "pt2"])
def test_a_copy_of_it_needs_nothing_but_pytorch(
    graphs: str, request: pytest.FixtureRequest, attending: Example, tmp_path: Path
) -> None:
    bundle, sources, translations, *_ = attending._replace(
        bundle=request.getfixturevalue(f"{graphs}_bundle")
    )
    copy = tmp_path / "translate.py"
    copy.write_bytes(Path(torch_translate.__file__).read_bytes())
    ended = run(str(copy), str(bundle), "--ids", *words(sources))
    assert (ended.stdout.splitlines(), ended.stderr) == (words(translations), "")


def test_recurrent_decoders_have_a_state(recurrent: Example) -> None:
    bundle, sources, translations, limit, _ = recurrent
    assert Translator(bundle).greedy(sources, limit) == translations


def test_translations_may_begin_with_what_is_told(attending: Example) -> None:
    bundle, sources, translations, limit, _ = attending
    translator = Translator(bundle)
    begins = translations[1][:2]
    (rest,) = translator.greedy([sources[1]], limit, begins)
    assert [*begins, *rest] == translations[1]
    assert translator.greedy([sources[1]], 3) == [translations[1][:3]]


def test_texts_are_cut_as_the_server_cuts_them(attending: Example) -> None:
    bundle, sources, *_ = attending
    pieces = Pieces(bundle, Translator(bundle).manifest)
    assert pieces.encode("the cat") == sources[0]
    assert pieces.decode(sources[0]) == "the cat"


@pytest.mark.parametrize("precision", ["float16", "bfloat16"])
def test_caches_are_of_the_type_that_the_manifest_says(precision: str) -> None:
    names = ["self_key_0", "self_value_0", "cross_key_0", "cross_value_0"]
    own, cross = ["rows", "2", "target_capacity", "8"], ["rows", "2", "source_capacity", "8"]
    inputs = [
        {"name": name, "data_type": precision, "shape": own if "self" in name else cross}
        for name in names
    ]
    kind = getattr(torch, precision)
    key_value = torch.arange(2 * 3 * 2 * 5 * 8).reshape(2, 3, 2, 5, 8).to(kind)
    caches = torch_translate.allocate({"decoder": {"inputs": [{}] * 4 + inputs}}, key_value, 7)
    assert [cache.dtype for cache in caches] == [kind] * 4
    assert [cache.shape[2] for cache in caches] == [7, 7, 5, 5]
    assert torch.equal(torch.stack(caches[2:]), key_value)


@pytest.mark.parametrize("ids", ["five", "", "3 -1"])
def test_what_are_no_token_ids_is_told(
    ids: str,
    attending: Example,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("sys.argv", ["translate", str(attending.bundle), "--ids", "5 0", ids])
    with pytest.raises(SystemExit):
        torch_translate.main()
    assert "token ids are whole numbers from 0, one or more; given:" in capsys.readouterr().err


def test_a_bundle_for_onnxruntime_is_refused(onnx_bundle: Path) -> None:
    with pytest.raises(SystemExit, match="format onnx; allowed: torchscript, pt2"):
        Translator(onnx_bundle)
