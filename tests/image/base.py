"""The base image, put together from Debian's packages and the Python that runs the tests.

It takes the name of the one that the Dockerfile asks for and is made like it, as far as a build can
tell: a small Debian, Python with pip below /usr/local, no bytecode, no compiler. Knows nothing of
what is built on it.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from platform import freedesktop_os_release

from tests.image.buildah import Buildah

# What Python's extension modules link to, and what the official image has besides.
_PACKAGES = (
    "ca-certificates,libbz2-1.0,libexpat1,libffi8,liblzma5,libncursesw6,libreadline8,"
    "libsqlite3-0,libssl3,libuuid1,netbase,tzdata,zlib1g"
)
_LEFT_OUT = ("__pycache__", "config-*", "idlelib", "site-packages", "test", "tests", "tkinter")

_FINISH = "ldconfig && python -m ensurepip && find /usr/local -name __pycache__ -exec rm -r {} +"
_PATH = "/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"

_APT = Path("/etc/apt")


def name(dockerfile: Path) -> str:
    """Returns the name of the image that the Dockerfile begins with."""
    match = re.search(r"^ARG PYTHON_IMAGE=(\S+)$", dockerfile.read_text(), re.MULTILINE)
    assert match is not None
    return match[1]


def assemble(buildah: Buildah, image: str, directory: Path) -> None:
    """Makes the image; `directory` takes what is needed on the way.

    Raises:
        subprocess.CalledProcessError: A package, or a part of Python, cannot be had.
    """
    archive = directory / "debian.tar"
    suite = freedesktop_os_release()["VERSION_CODENAME"]
    command = ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={_PACKAGES}"]
    subprocess.run([*command, suite, str(archive), *map(str, _sources())], check=True)
    with buildah.container("scratch") as container:
        buildah("add", "--quiet", container, str(archive), "/")
        archive.unlink()
        with buildah.mounted(container) as root:
            _copy_python(root / "usr/local")
        buildah("run", "--isolation=chroot", container, "sh", "-c", _FINISH)
        buildah("config", "--cmd=python3", f"--env=PATH={_PATH}", container)
        buildah("commit", "--quiet", container, image)


def _sources() -> list[Path]:
    """Where this machine's apt finds packages."""
    candidates = [_APT / "sources.list", *sorted((_APT / "sources.list.d").iterdir())]
    return [path for path in candidates if path.suffix in {".list", ".sources"} and path.is_file()]


def _copy_python(prefix: Path) -> None:
    """Copies the interpreter and the standard library to a prefix."""
    version = f"python3.{sys.version_info.minor}"
    origin = Path(sys.base_prefix)
    ignored = shutil.ignore_patterns(*_LEFT_OUT)
    shutil.copytree(origin / "lib" / version, prefix / "lib" / version, ignore=ignored)
    (prefix / "lib" / version / "site-packages").mkdir()
    for library in origin.glob("lib/libpython3*"):
        shutil.copy2(library, prefix / "lib", follow_symlinks=False)
    shutil.copy2(origin / "bin" / version, prefix / "bin")
    for link in ("python3", "python"):
        (prefix / "bin" / link).symlink_to(version)
