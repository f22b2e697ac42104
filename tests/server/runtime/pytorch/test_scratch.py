"""Loading where there is no temporary directory, in processes that have not loaded a `.pt2` yet."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from dragoman_server.runtime.pytorch.scratch import CACHE, named_directory

LOAD = """
import sys, tempfile
from pathlib import Path

def none():
    raise FileNotFoundError("No usable temporary directory found")

tempfile._get_default_tempdir = none
import torch
from dragoman_server.runtime.pytorch.graphs import load_graph
load_graph(Path(sys.argv[1]), "pt2", torch.device("cpu"))
print(tempfile.tempdir)
"""


def test_a_pt2_is_loaded_where_nothing_can_be_written(pt2_bundle: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != CACHE}
    command = [sys.executable, "-c", LOAD, str(pt2_bundle / "encoder.pt2")]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (ended.stdout, ended.stderr) == ("None\n", "")


def test_a_temporary_directory_that_is_there_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(CACHE, raising=False)
    there = tempfile.gettempdir()
    with named_directory():
        assert tempfile.gettempdir() == there
        assert CACHE not in os.environ
