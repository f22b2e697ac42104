"""Where figures come from: machine, versions, command, load. And the files that reports are.

A report's file says of which kind it is, so that whoever reads several can tell them apart.
"""

import json
import os
import platform
import shlex
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from dragoman.machine import processor
from tests.bench.systems import CORES

Kind = Literal[
    "offline",
    "served",
    "latency",
    "growth",
    "peaks",
    "load",
    "front_end",
    "autoscaling",
    "large",
]

EXTENSIONS = {"AVX2": "avx2", "AVX-512": "avx512f", "VNNI": "avx512_vnni", "AMX": "amx_int8"}
"""What of the processor decides the speed of matrix products, and the kernel's flags for it."""


@dataclass(frozen=True)
class Origin:
    """Told beside every figure."""

    machine: str
    libraries: str
    command: str
    load_averages: list[float]
    """Of the last minute, from time to time. The benchmark's own share is in them."""

    def heading(self, corpus: str, runs: int) -> str:
        """What stands above a table in the terminal."""
        measured = f"{corpus}, medians of {runs} runs; load averages {self.load_averages}"
        return f"{self.machine}; {self.libraries}\n{measured}\n"

    @classmethod
    def here(
        cls,
        module: str,
        libraries: Sequence[str],
        load_averages: Sequence[float],
        others: Sequence[str] = (),
    ) -> "Origin":
        """Returns that of this process.

        Args:
            module: That was run.
            libraries: Whose versions are told.
            load_averages: Of the last minute, from time to time.
            others: Told with the versions.
        """
        return cls(
            _machine(),
            "; ".join([_versions(libraries), *others]),
            command(module, sys.argv[1:]),
            [round(load, 2) for load in load_averages],
        )


def command(module: str, arguments: Sequence[str]) -> str:
    """Returns how the benchmark was called; where files lay is nobody else's concern."""
    shown = list(arguments)
    for place, word in enumerate(shown[:-1], start=1):
        if word in ("--data", "--checkpoint"):
            shown[place] = word.removeprefix("--").upper()
    return shlex.join(["python", "-m", module, *shown])


def load_average() -> float:
    """Of the last minute."""
    return os.getloadavg()[0]


def write_report(path: Path, kind: Kind, report: Any) -> None:
    """Writes a dataclass as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"kind": kind} | asdict(report), indent=1) + "\n", "utf-8")


def read_report(path: Path) -> tuple[Kind, dict[str, Any]]:
    """Reads what `write_report` wrote.

    Raises:
        ValueError: It is something else.
    """
    fields = json.loads(path.read_text("utf-8"))
    if not isinstance(fields, dict) or "kind" not in fields:
        raise ValueError(f"{path} is no report of a benchmark: it has no kind")
    kind: Kind = fields.pop("kind")
    return kind, fields | {"origin": Origin(**fields["origin"])}


def _machine() -> str:
    cores = os.cpu_count()
    used = "" if cores == CORES else f", {CORES} used"
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{cores} cores{used}, {processor()}{_extensions()}, {memory:.0f} GiB"


def _extensions() -> str:
    flags = Path("/proc/cpuinfo").read_text().partition("flags")[2].partition("\n")[0].split()
    return "".join(f" {name}" for name, flag in EXTENSIONS.items() if flag in flags)


def _versions(libraries: Sequence[str]) -> str:
    found = [f"{name} {version(name)}" for name in libraries]
    return ", ".join([f"Python {platform.python_version()}", *found])
