from pathlib import Path

import pytest

from dragoman_server.doctor.bundles import examine_bundle
from tests.server.bundles import CONTENTS, write_bundle
from tests.server.service.harness import make_config


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    write_bundle(tmp_path / "bundle")
    return tmp_path / "bundle"


def test_a_whole_bundle_is_fine_and_says_what_it_needs(bundle: Path) -> None:
    config = make_config(bundle=bundle, engines=2, max_batch_size=10)
    findings, needs = examine_bundle(bundle, config)
    assert [each.state for each in findings] == ["ok", "ok"]
    assert needs is not None
    assert needs.file_bytes == sum(map(len, CONTENTS.values()))
    # Keys and values of one layer and one head: 4 bytes for each of 16 target and source positions.
    assert needs.cache_bytes == 2 * 10 * 2 * (16 + 16) * 4


def test_a_damaged_file_is_named(bundle: Path) -> None:
    (bundle / "decoder.onnx").write_bytes(b"DECODER")
    (finding,), needs = examine_bundle(bundle, make_config(bundle=bundle))
    assert (finding.state, needs) == ("problem", None)
    assert "decoder.onnx" in finding.found
    assert "export the model anew" in finding.advice


def test_a_bundle_that_is_not_there_is_told(tmp_path: Path) -> None:
    (finding,), _ = examine_bundle(tmp_path / "none", make_config())
    assert finding.state == "problem"
    assert "no bundle at" in finding.found


def test_a_provider_that_is_not_there_is_a_problem(bundle: Path) -> None:
    findings, _ = examine_bundle(bundle, make_config(bundle=bundle, provider="cuda"))
    (provider,) = [each for each in findings if each.check == "provider"]
    assert provider.state == "problem"
    assert "provider cuda is not there" in provider.found


def test_caches_that_have_no_room_are_a_problem(bundle: Path) -> None:
    config = make_config(bundle=bundle, kv_cache_memory=1)
    findings, needs = examine_bundle(bundle, config)
    assert (findings[-1].check, findings[-1].state, needs) == ("caches", "problem", None)
