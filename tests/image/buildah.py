"""buildah with a storage of its own: it needs neither a container engine nor a registry.

Knows nothing of what is built.
"""

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple


class Image(NamedTuple):
    """An image, its files laid out."""

    name: str
    root: Path
    """Where its files are. Every writing to them is the test's own mistake."""
    config: dict[str, Any]
    """What the Dockerfile says of running it, in Docker's form."""


class Buildah:
    """Everything that it keeps is below `directory`."""

    def __init__(self, directory: Path) -> None:
        self._storage = [
            "buildah",
            f"--root={directory / 'storage'}",
            f"--runroot={directory / 'run'}",
        ]
        self._log = directory / "build.log"

    def __call__(self, *arguments: str) -> str:
        """Runs a command and returns what it prints.

        Raises:
            subprocess.CalledProcessError: It failed; what it says is on stderr.
        """
        command = [*self._storage, *arguments]
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()

    def has(self, image: str) -> bool:
        """Says whether the image is there."""
        return bool(self("images", "--quiet", "--filter", f"reference={image}"))

    def build(
        self,
        tag: str,
        target: str,
        context: Path,
        arguments: Mapping[str, str],
        mounts: Mapping[Path, str],
    ) -> str:
        """Builds a target of the Dockerfile and returns the image's name. The base image is here.

        Raises:
            RuntimeError: It failed; the end of its log.
        """
        name = f"dragoman:{tag}"
        command = [*self._storage, "build", "--isolation=chroot", "--layers"]
        command += ["--force-rm", "--pull-never"]
        # The OCI format has no place for HEALTHCHECK.
        command += ["--format=docker", f"--target={target}", f"--tag={name}"]
        command += [f"--build-arg={key}={value}" for key, value in arguments.items()]
        command += [f"--volume={source}:{inside}:ro" for source, inside in mounts.items()]
        command += [f"--file={context / 'deploy/Dockerfile'}", str(context)]
        with self._log.open("a+") as log:
            start = log.tell()
            code = subprocess.run(command, check=False, stdout=log, stderr=log).returncode
            log.seek(start)
            if code != 0:
                raise RuntimeError(f"building {tag} failed: {log.read()[-4000:]}")
        return name

    @contextmanager
    def container(self, image: str) -> Iterator[str]:
        """A container of buildah's, to be changed or looked at; it does not run."""
        name = self("from", "--pull-never", image)
        try:
            yield name
        finally:
            self("rm", name)

    @contextmanager
    def mounted(self, container: str) -> Iterator[Path]:
        """Lays out a container's files."""
        try:
            yield Path(self("mount", container))
        finally:
            self("umount", container)

    @contextmanager
    def opened(self, name: str) -> Iterator[Image]:
        """Lays out an image's files."""
        described = json.loads(self("inspect", "--type=image", name))
        with self.container(name) as container, self.mounted(container) as root:
            yield Image(name, root, described["Docker"]["config"])
