"""A container as strict as a cluster's: read-only files, no capability, no way to gain one.

As whom it runs and with which variables is the image's own say, and what runs too, unless a test
wants another command. Knows the runtime, runc; knows nothing of Dragoman.
"""

import json
import subprocess
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from tests.image.buildah import Image
from tests.image.network import Network


class Mount(NamedTuple):
    """A directory from outside."""

    source: Path
    destination: str
    mode: str = "ro"


class Container:
    """Started by `with`, and killed at its end if it still runs. `directory` is its alone."""

    def __init__(
        self,
        image: Image,
        directory: Path,
        *,
        command: Sequence[str] | None = None,
        mounts: Sequence[Mount] = (),
        network: Network | None = None,
    ) -> None:
        configuration = _configuration(image, command, mounts, network)
        (directory / "config.json").write_text(json.dumps(configuration))
        self._directory = directory
        # The control group has it too, and is the container's alone.
        self._name = f"dragoman-{uuid.uuid4().hex}"
        self._runc = ["runc", f"--root={directory / 'state'}"]

    def __enter__(self) -> Self:
        self.process = subprocess.Popen(
            [*self._runc, "run", f"--bundle={self._directory}", self._name],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.kill()
        self.process.wait()
        for pipe in (self.process.stdout, self.process.stderr):
            assert pipe is not None
            pipe.close()

    def kill(self) -> None:
        """Ends it, if it still runs."""
        subprocess.run([*self._runc, "delete", "--force", self._name], check=True)

    def signal(self, name: str) -> None:
        """Sends a signal to the first process."""
        subprocess.run([*self._runc, "kill", self._name, name], check=True)

    def execute(self, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        """Runs a further command inside, as a health check does."""
        return subprocess.run(
            [*self._runc, "exec", self._name, *command], check=False, capture_output=True, text=True
        )


def run(
    image: Image, directory: Path, command: Sequence[str], mounts: Sequence[Mount] = ()
) -> subprocess.CompletedProcess[str]:
    """Runs a command in a container until its end."""
    with Container(image, directory, command=command, mounts=mounts) as container:
        output, errors = container.process.communicate()
        return subprocess.CompletedProcess(command, container.process.returncode, output, errors)


def _configuration(
    image: Image, command: Sequence[str] | None, mounts: Sequence[Mount], network: Network | None
) -> dict[str, Any]:
    """What the runtime is told, in the form of the OCI's runtime specification."""
    user, _, group = image.config["User"].partition(":")
    kinds: list[Mapping[str, str]] = [{"type": kind} for kind in ("pid", "ipc", "uts", "mount")]
    where = {"path": f"/run/netns/{network.namespace}"} if network else {}
    return {
        "ociVersion": "1.0.2",
        "process": {
            "user": {"uid": int(user), "gid": int(group)},
            "args": command or image.config["Entrypoint"] + image.config["Cmd"],
            "env": image.config["Env"],
            "cwd": image.config["WorkingDir"] or "/",
            "capabilities": {},
            "noNewPrivileges": True,
        },
        "root": {"path": str(image.root), "readonly": True},
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc"},
            {
                "destination": "/dev",
                "type": "tmpfs",
                "source": "tmpfs",
                "options": ["nosuid", "mode=755"],
            },
            *(
                {
                    "destination": mount.destination,
                    "type": "bind",
                    "source": str(mount.source),
                    "options": ["bind", mount.mode],
                }
                for mount in mounts
            ),
        ],
        "linux": {"namespaces": [*kinds, {"type": "network"} | where]},
    }
