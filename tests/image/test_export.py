"""The image that exports bundles."""

import os
from pathlib import Path

from dragoman_server.models.bundle import Bundle
from tests.image.conftest import ROOT, Images
from tests.image.container import Mount, run

CHECKPOINT = ROOT / "export/checkpoints/marian-en-de"


def test_it_exports_a_checkpoint_that_is_mounted(images: Images, tmp_path: Path) -> None:
    # transformers wants a place for temporary files.
    bundles, temporary = (writable(tmp_path / name) for name in ("bundles", "temporary"))
    command = ["dragoman", "export", "/checkpoints/marian-en-de", "--output", "/bundles/en-de"]
    mounts = [
        Mount(CHECKPOINT, "/checkpoints/marian-en-de"),
        Mount(bundles, "/bundles", mode="rw"),
        Mount(temporary, "/tmp", mode="rw"),
    ]
    ended = run(images["export"], tmp_path, command, mounts)
    assert ended.returncode == 0, ended.stderr
    assert Bundle.load(bundles / "en-de").manifest.precision == "float32"


def writable(directory: Path) -> Path:
    """Makes a directory that the image's user can write."""
    directory.mkdir()
    os.chown(directory, 10001, 10001)
    return directory


def test_it_explains_itself(images: Images, tmp_path: Path) -> None:
    image = images["export"]
    ended = run(image, tmp_path, image.config["Entrypoint"] + image.config["Cmd"])
    assert ended.returncode == 0
    assert "usage: dragoman export" in ended.stdout
