"""Says, as one line of JSON, what the process that runs it can do and what it finds.

Handed to an image's own Python, with nothing of the project's beside it.
"""

import importlib.metadata
import importlib.util
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

PROCESS = ("CapEff", "CapBnd", "NoNewPrivs")
PROGRAMS = ("cc", "gcc", "make", "pip", "pip3")
MODULES = ("pip", "ensurepip", "setuptools", "torch", "transformers", "onnx", "onnxruntime")


def writable() -> Iterator[str]:
    """Names what can be written, devices and the kernel's own files left out."""
    for directory, _, files in os.walk("/"):
        if not directory.startswith(("/dev", "/proc")):
            for path in (Path(directory), *(Path(directory, file) for file in files)):
                if os.access(path, os.W_OK) and not path.is_symlink():
                    yield str(path)


def main() -> None:
    """Prints it."""
    status = dict(line.split(":\t") for line in Path("/proc/self/status").read_text().splitlines())
    found = {
        "user": [os.getuid(), os.getgid(), *os.getgroups()],
        "process": {name: status[name] for name in PROCESS},
        "writable": list(writable()),
        "programs": [name for name in PROGRAMS if shutil.which(name)],
        "modules": [name for name in MODULES if importlib.util.find_spec(name)],
        "distributions": [
            [found.name, found.version] for found in importlib.metadata.distributions()
        ],
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
