"""The images, built from the Dockerfile as it is; skips where this machine cannot build them."""

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.image import base
from tests.image.buildah import Buildah, Image
from tests.image.container import Mount
from tests.image.network import Network, network
from tests.image.package_index import pip_mounts, torch_index
from tests.image.sizes import Sizes, sizes

ROOT = Path(__file__).parents[2]
KEPT = ROOT / "build/image-test"
"""The storage: a further run builds what has changed. `make clean` removes it."""

REVISION = "0123456789abcdef0123456789abcdef01234567"
CREATED = "2026-01-02T03:04:05Z"

VARIANTS = {
    f"model-{graphs}": ("model", {"FORMAT": graphs, "PRECISION": "float32"})
    for graphs in ("torchscript", "pt2")
}
"""Images of a target with other arguments."""

_TOOLS = ("buildah", "ip", "mmdebstrap", "runc")
_SIZES = pytest.StashKey[list[Sizes]]()


class Images:
    """Builds each image when it is first asked for, and lays it out until the end."""

    def __init__(self, buildah: Buildah, laid_out: ExitStack, measured: list[Sizes]) -> None:
        self._buildah = buildah
        self._laid_out = laid_out
        self._measured = measured
        self._images: dict[str, Image] = {}

    def __getitem__(self, tag: str) -> Image:
        """Of a target, or of one of VARIANTS."""
        if tag not in self._images:
            self._images[tag] = self._build(tag)
        return self._images[tag]

    def _build(self, tag: str) -> Image:
        target, given = VARIANTS.get(tag, (tag, {}))
        arguments = {"REVISION": REVISION, "CREATED": CREATED, **given}
        mounts = pip_mounts(KEPT)
        if target in {"export", "model", "torch"}:
            arguments["TORCH_INDEX_URL"] = "file:///mnt"
            mounts[torch_index(KEPT, ROOT / "constraints.txt")] = "/mnt"
        name = self._buildah.build(tag, target, ROOT, arguments, mounts)
        self._measured.append(sizes(self._buildah, name, KEPT))
        return self._laid_out.enter_context(self._buildah.opened(name))


@pytest.fixture(scope="session")
def images(pytestconfig: pytest.Config) -> Iterator[Images]:
    missing = [tool for tool in _TOOLS if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"images are built and run with tools that are not here: {', '.join(missing)}")
    if os.geteuid() != 0:
        pytest.skip("only root can build and run images with these tools")
    KEPT.mkdir(parents=True, exist_ok=True)
    buildah = Buildah(KEPT)
    base_image = base.name(ROOT / "deploy/Dockerfile")
    if not buildah.has(base_image):
        base.assemble(buildah, base_image, KEPT)
    with ExitStack() as laid_out:
        yield Images(buildah, laid_out, pytestconfig.stash.setdefault(_SIZES, []))


@pytest.fixture(scope="session")
def bundle(images: Images) -> Mount:
    """The model image as a volume."""
    return Mount(images["model"].root, "/bundle")


@pytest.fixture(scope="module")
def host() -> Iterator[Network]:
    with network(0) as made:
        yield made


@pytest.fixture
def other_host() -> Iterator[Network]:
    with network(1) as made:
        yield made


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    for measured in config.stash.get(_SIZES, []):
        terminalreporter.write_line(str(measured))
