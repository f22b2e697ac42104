"""What is loaded, for which device, and what is said where it cannot be."""

import logging
import shutil
from pathlib import Path

import pytest
import torch

from dragoman_server.errors import BundleError, ConfigError
from dragoman_server.models.bundle import Bundle
from dragoman_server.runtime.prepared import Runners
from dragoman_server.runtime.pytorch.graphs import load_graph
from dragoman_server.runtime.pytorch.loading import choose_provider, load_runners
from tests.server.runtime.pytorch.models import CPU, shape_of


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)


@pytest.fixture
def no_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


@pytest.mark.usefixtures("cuda")
@pytest.mark.parametrize(
    ("requested", "made_for", "chosen"),
    [
        ("auto", ["cuda", "cpu"], "cuda"),
        ("cuda", ["cuda", "cpu"], "cuda"),
        ("cpu", ["cuda", "cpu"], "cpu"),
        ("auto", ["cpu"], "cpu"),
        ("auto", ["cuda"], "cuda"),
    ],
)
def test_the_provider_is_the_best_that_bundle_and_machine_have(
    requested: str, made_for: list[str], chosen: str
) -> None:
    assert choose_provider(requested, made_for) == chosen


@pytest.mark.usefixtures("no_cuda")
def test_without_a_gpu_it_is_the_cpu_and_says_why(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "dragoman_server")
    assert choose_provider("auto", ["cuda", "cpu"]) == "cpu"
    (record,) = caplog.records
    assert record.message == "provider_fallback"
    assert record.__dict__["reason"] == "torch sees no CUDA device"


@pytest.mark.usefixtures("no_cuda")
def test_cuda_where_there_is_none_says_what_torch_there_is() -> None:
    with pytest.raises(ConfigError, match=r"this torch 2\..* sees no CUDA device\. Install"):
        choose_provider("cuda", ["cuda", "cpu"])


@pytest.mark.usefixtures("no_cuda")
def test_a_bundle_that_is_made_for_cuda_alone_needs_it() -> None:
    with pytest.raises(ConfigError, match="made for cuda, and torch sees no CUDA device"):
        choose_provider("auto", ["cuda"])


@pytest.mark.usefixtures("cuda")
@pytest.mark.parametrize(("requested", "made_for"), [("cpu", "cuda"), ("cuda", "cpu")])
def test_a_bundle_that_is_not_made_for_what_is_asked_for_is_refused(
    requested: str, made_for: str
) -> None:
    reason = f"made for {made_for}, and provider {requested} is asked for"
    with pytest.raises(ConfigError, match=reason):
        choose_provider(requested, [made_for])


def load(bundle: Bundle, *, cores: int = 1, rows: int = 5, **settings: int | None) -> Runners:
    shape = shape_of(bundle, rows=rows)
    return load_runners(bundle, "cpu", lambda _: shape, cores=cores, **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("settings", "layout"),
    [
        ({}, "4x1"),
        ({"engines": 2}, "2x1"),
        ({"threads": 2}, "2x2"),
        ({"engines": 3, "threads": 2}, "3x2"),
        ({"threads": 8}, "1x8"),
    ],
)
def test_each_core_has_an_engine_unless_something_else_is_asked_for(
    torchscript_bundle: Path, settings: dict[str, int], layout: str
) -> None:
    bundle = Bundle.load(torchscript_bundle)
    runners = load(bundle, cores=4, **settings)
    assert str(runners.layout) == layout
    assert len(runners.runners) == len(runners.prepare) == runners.layout.engines
    assert runners.cache_bytes == sum(each.cache_bytes for each in runners.runners)  # type: ignore[attr-defined]


def test_an_engine_has_its_threads(
    torchscript_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[int] = []
    monkeypatch.setattr(torch, "set_num_threads", given.append)
    for prepare in load(Bundle.load(torchscript_bundle), engines=2, threads=3).prepare:
        prepare()
    assert given == [3, 3]


@pytest.mark.parametrize("graph", ["encoder", "decoder"])
@pytest.mark.parametrize("kind", ["torchscript", "pt2"])
@pytest.mark.parametrize("contents", [b"", b"not a graph", b"PK\x05\x06" + bytes(18)])
def test_a_graph_that_cannot_be_loaded_is_named(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str, graph: str, contents: bytes
) -> None:
    whole: Path = request.getfixturevalue(f"{kind}_bundle")
    copied = tmp_path / "copy"
    shutil.copytree(whole, copied)
    manifest = Bundle.load(whole).manifest
    path = copied / getattr(manifest, graph).path
    path.write_bytes(contents)
    with pytest.raises(BundleError, match=rf"{graph}\.pt2? cannot be loaded: \S"):
        load(Bundle(copied, manifest))


def test_another_format_is_refused_with_those_that_there_are(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"'onnx' is none .* allowed: torchscript, pt2"):
        load_graph(tmp_path / "encoder.onnx", "onnx", CPU)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("vocabulary_size", 100_000, r"do not run tokens 99999 and 99999 at positions 59 and 59"),
        ("source_vocabulary_size", 1_000, r"do not run tokens 999 and "),
    ],
)
def test_a_bundle_whose_graphs_are_smaller_than_it_says_is_refused(
    torchscript_bundle: Path, field: str, value: int, message: str
) -> None:
    bundle = Bundle.load(torchscript_bundle)
    setattr(bundle.manifest.architecture, field, value)
    with pytest.raises(BundleError, match=message):
        load(bundle)


def test_positions_that_the_graphs_do_not_have_are_refused(torchscript_bundle: Path) -> None:
    bundle = Bundle.load(torchscript_bundle)
    shape = shape_of(bundle, capacity=65)  # the model has 64
    with pytest.raises(BundleError, match="at positions 64 and 64, which they have by"):
        load_runners(bundle, "cpu", lambda _: shape, cores=1)


def test_caches_that_there_is_no_room_for_say_what_to_lower(torchscript_bundle: Path) -> None:
    bundle = Bundle.load(torchscript_bundle)
    with pytest.raises(ConfigError, match="bytes of caches: lower kv_cache_memory"):
        load(bundle, rows=2**44)


def test_files_that_change_while_they_are_loaded_are_noticed(
    torchscript_bundle: Path, tmp_path: Path
) -> None:
    copied = tmp_path / "copy"
    shutil.copytree(torchscript_bundle, copied)
    bundle = Bundle.load(copied)
    (copied / bundle.manifest.encoder.path).write_bytes(
        (torchscript_bundle / bundle.manifest.encoder.path).read_bytes()
    )
    with pytest.raises(BundleError, match="changed while being loaded"):
        load(bundle)
