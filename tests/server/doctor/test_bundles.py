from pathlib import Path

import pytest

from dragoman_server.assemble import Loader
from dragoman_server.doctor.bundles import Examined, examine_bundle, examine_bundles
from dragoman_server.monitoring import Metrics
from dragoman_server.pool import MemoryBudget, ModelPool, find_bundle, memory
from tests.integration.bundles import copy_bundle
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


def test_a_shortlist_that_is_not_there_is_a_problem(bundle: Path, listed_bundle: Path) -> None:
    found = {
        path: next(
            each
            for each in examine_bundle(path, make_config(bundle=path, shortlist=True)).findings
            if each.check == "shortlist"
        )
        for path in (bundle, listed_bundle)
    }
    assert found[bundle].state == "problem"
    assert "the bundle tiny has none" in found[bundle].found
    assert found[listed_bundle].state == "ok"
    assert "of 3 translations are as without" in found[listed_bundle].found


def test_caches_that_have_no_room_are_a_problem(bundle: Path) -> None:
    config = make_config(bundle=bundle, kv_cache_memory=1)
    findings, needs = examine_bundle(bundle, config)
    assert (findings[-1].check, findings[-1].state, needs) == ("caches", "problem", None)


FILES = sum(map(len, CONTENTS.values()))
ROW = 2 * (16 + 16) * 4


@pytest.fixture
def bundles(tmp_path: Path) -> list[Path]:
    """Two models of the same size."""
    paths = [tmp_path / "en-de@1", tmp_path / "en-de@2"]
    for path in paths:
        write_bundle(path)
    return paths


def rows(examined: list[Examined]) -> list[int | None]:
    """Rows of the caches that each bundle has room for."""
    return [each.needs.cache_bytes // ROW if each.needs else None for each in examined]


def test_several_models_share_the_memory_as_a_server_hands_it_out(bundles: list[Path]) -> None:
    config = make_config(bundle=bundles, engines=1, models_memory=2 * (FILES + 80 * ROW))
    # Caches take half of what files leave: 40 of 80; then the second may take what is left.
    assert rows(examine_bundles(bundles, config)) == [40, 60]
    assert rows(examine_bundles(bundles, config.model_copy(update={"models_memory": 1 << 30}))) == [
        128,
        128,
    ]


def test_without_models_memory_they_share_what_the_machine_has(
    bundles: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "memory_bytes", lambda: 2 * (FILES + 80 * ROW))
    config = make_config(bundle=bundles, engines=1)
    assert rows(examine_bundles(bundles, config)) == [40, 60]


def test_a_model_that_models_memory_has_no_room_for_is_a_problem(bundles: list[Path]) -> None:
    config = make_config(bundle=bundles, engines=1, max_batch_size=80)
    room = FILES + 80 * ROW
    enough = config.model_copy(update={"models_memory": 2 * room})
    assert rows(examine_bundles(bundles, enough)) == [80, 80]
    short = config.model_copy(update={"models_memory": 2 * room - 2})
    first, second = examine_bundles(bundles, short)
    assert (first.findings[-1].check, first.findings[-1].state) == ("models_memory", "problem")
    assert "raise models_memory" in first.findings[-1].advice
    assert rows([first, second]) == [None, 80]  # what the first does not take the second may


def test_a_model_that_is_alone_has_all_of_the_memory(bundle: Path, tmp_path: Path) -> None:
    alone = make_config(bundle=bundle, engines=1, models_memory=1)
    assert rows(examine_bundles([bundle], alone)) == [128]
    followed = make_config(bundle=(), models=tmp_path, engines=1, models_memory=1)
    assert rows(examine_bundles([bundle], followed)) == [None]


def test_a_bundle_of_two_names_takes_memory_once(bundle: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(bundle)
    config = make_config(bundle=(bundle, link), engines=1)
    assert rows(examine_bundles([bundle, link], config)) == [128]


def test_a_server_takes_as_much_as_is_said(float32_bundle: Path, tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("a", "b", "c")]
    for path in paths:
        copy_bundle(float32_bundle, path, path.name)
    config = make_config(bundle=paths, engines=1, models_memory=20 << 20)
    pool = ModelPool(Loader(config, Metrics()), MemoryBudget.of(config, len(paths)))
    pool.begin(map(find_bundle, paths), all_must_load=True)
    taken = [version.loaded.memory for version in pool._versions.values()]
    said = [each.needs for each in examine_bundles(paths, config)]
    assert [each.bytes for each in said if each is not None] == taken
    assert taken[0] < taken[1] < taken[2]  # each leaves some of its share to those after it
