"""Runs a module in a process of its own: a job as JSON on its stdin, the result on its stdout."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any


def run_worker(module: str, job: dict[str, Any], interpreter: Path = Path(sys.executable)) -> Any:
    """Returns what the module answers.

    Raises:
        subprocess.CalledProcessError: The process failed; its stderr went to ours.
    """
    done = subprocess.run(
        [interpreter, "-m", module],
        input=json.dumps(job, default=str),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def answer(work: Callable[[dict[str, Any]], Any]) -> None:
    """The other side of `run_worker`."""
    json.dump(work(json.load(sys.stdin)), sys.stdout)
