"""Optimum's own environment: no version of it goes with the transformers that we need.

optimum-onnx 0.1.0, its newest, asks for transformers<4.58. Optimum 2.1 and later no longer have
an ONNX Runtime extra of their own.
"""

import subprocess
import sys
import venv
from pathlib import Path

from tests.bench.progress import stage
from tests.bench.systems import SystemName

REQUIREMENTS = Path(__file__).parent / "optimum-requirements.txt"
ENVIRONMENT = Path(__file__).parents[2] / "build/bench/venv-optimum"


def interpreter(system: SystemName) -> Path:
    """Returns the Python that runs a system."""
    return ENVIRONMENT / "bin/python" if system == "optimum" else Path(sys.executable)


def versions() -> str:
    """Returns what decides its speed."""
    pins = dict(line.split("==") for line in _pins())
    told = ("optimum-onnx[onnxruntime]", "transformers", "onnxruntime")
    found = ", ".join(f"{name.partition('[')[0]} {pins[name]}" for name in told)
    return f"Optimum's environment: {found}"


def _pins() -> list[str]:
    lines = REQUIREMENTS.read_text("utf-8").splitlines()
    return [line.partition("#")[0].strip() for line in lines if "==" in line]


def make_environment() -> None:
    """Installs Optimum where it is not there or not as asked for (1.3 GB).

    Raises:
        subprocess.CalledProcessError: It cannot be installed; pip said why.
    """
    installed, wanted = ENVIRONMENT / "installed.txt", REQUIREMENTS.read_text("utf-8")
    if installed.exists() and installed.read_text("utf-8") == wanted:
        return
    with stage("optimum: an environment of its own"):
        venv.create(ENVIRONMENT, clear=True, with_pip=True)
        pip = [str(interpreter("optimum")), "-m", "pip", "install", "-q"]
        subprocess.run([*pip, "-r", str(REQUIREMENTS)], check=True)
    installed.write_text(wanted, "utf-8")
