import json
import stat
from pathlib import Path

import pytest

from dragoman.v1.bundle_pb2 import Calibration, LengthRatio
from dragoman_server.calibration.errors import CalibrationError
from dragoman_server.calibration.writing import write_calibration
from dragoman_server.models import FORMAT_VERSIONS, Bundle, read_manifest
from tests.server.bundles import write_bundle

CALIBRATION = Calibration(length_ratio=LengthRatio(mean=0.25, deviation=0.5))


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    write_bundle(tmp_path / "bundle")
    return tmp_path / "bundle"


def test_the_manifest_has_it_beside_what_it_had(bundle: Path) -> None:
    before = read_manifest(bundle)
    digest = Bundle.load(bundle).digest
    write_calibration(bundle, CALIBRATION, read=before)
    loaded = Bundle.load(bundle)
    assert loaded.manifest.calibration == CALIBRATION
    assert loaded.manifest.format_version == FORMAT_VERSIONS[-1]
    assert loaded.digest != digest
    after = read_manifest(bundle)
    after.ClearField("calibration")
    after.format_version = before.format_version
    assert after == before


def test_it_takes_the_place_of_another_and_keeps_permissions(bundle: Path) -> None:
    (bundle / "bundle.json").chmod(0o640)
    write_calibration(bundle, CALIBRATION, read=read_manifest(bundle))
    other = Calibration(length_ratio=LengthRatio(mean=0.125))
    write_calibration(bundle, other, read=read_manifest(bundle))
    assert read_manifest(bundle).calibration == other
    assert stat.S_IMODE((bundle / "bundle.json").stat().st_mode) == 0o640


def test_a_link_stays_one(bundle: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "manifest.json"
    (bundle / "bundle.json").rename(elsewhere)
    (bundle / "bundle.json").symlink_to(elsewhere)
    write_calibration(bundle, CALIBRATION, read=read_manifest(bundle))
    assert (bundle / "bundle.json").is_symlink()
    assert "calibration" in json.loads(elsewhere.read_text())


def test_a_bundle_that_changed_meanwhile_is_left_as_it_is(bundle: Path) -> None:
    manifest = read_manifest(bundle)
    manifest.name = "another"
    content = (bundle / "bundle.json").read_bytes()
    with pytest.raises(CalibrationError, match="changed while it was calibrated"):
        write_calibration(bundle, CALIBRATION, read=manifest)
    assert (bundle / "bundle.json").read_bytes() == content


def test_what_cannot_be_written_leaves_nothing_behind(
    bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = (bundle / "bundle.json").read_bytes()
    there = set(bundle.iterdir())

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(CalibrationError, match="cannot be written: No space left on device"):
        write_calibration(bundle, CALIBRATION, read=read_manifest(bundle))
    assert (bundle / "bundle.json").read_bytes() == content
    assert set(bundle.iterdir()) == there
