"""The image that holds a bundle."""

from importlib.metadata import version
from pathlib import Path

import pytest

from dragoman_server.models.bundle import Bundle
from tests.image.conftest import REVISION, Images


@pytest.fixture
def root(images: Images) -> Path:
    return images["model"].root


def test_it_is_a_bundle_and_nothing_else(root: Path) -> None:
    manifest = Bundle.load(root).manifest
    listed = {file.path for file in manifest.files} | {"bundle.json"}
    assert {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()} == listed
    assert (manifest.name, manifest.precision) == ("marian-en-de", "int8")


def test_everyone_may_read_it_and_nobody_write(root: Path) -> None:
    for path in root.rglob("*"):
        status = path.stat()
        assert (status.st_uid, status.st_gid) == (0, 0)
        assert oct(status.st_mode & 0o777) == ("0o755" if path.is_dir() else "0o644")


def test_its_labels_say_what_it_is(images: Images) -> None:
    labels = images["model"].config["Labels"]
    assert labels["org.opencontainers.image.title"] == "Dragoman model"
    assert labels["org.opencontainers.image.version"] == version("dragoman")
    assert labels["org.opencontainers.image.revision"] == REVISION
