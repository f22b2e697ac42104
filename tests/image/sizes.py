"""How large an image is, in a registry and unpacked."""

import json
import shutil
from pathlib import Path
from typing import NamedTuple

from tests.image.buildah import Buildah


class Sizes(NamedTuple):
    """Of an image."""

    name: str
    unpacked: str
    """With a unit."""
    compressed: tuple[int, ...]
    """Bytes of each layer, by gzip; the base image is the first."""

    def __str__(self) -> str:
        layers = " + ".join(f"{layer / 1e6:.1f}" for layer in self.compressed)
        total = sum(self.compressed) / 1e6
        return f"{self.name}: {self.unpacked}; {total:.0f} MB compressed: {layers}"


def sizes(buildah: Buildah, image: str, directory: Path) -> Sizes:
    """Measures; `directory` takes the layers for that long."""
    pushed = directory / "pushed"
    try:
        buildah("push", "--quiet", image, f"dir:{pushed}")
        manifest = json.loads((pushed / "manifest.json").read_text())
        unpacked = json.loads(buildah("images", "--json", image))[0]["size"]
        compressed = tuple(layer["size"] for layer in manifest["layers"])
    finally:
        shutil.rmtree(pushed, ignore_errors=True)
    return Sizes(image, unpacked, compressed)
