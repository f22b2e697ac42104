"""The committed stubs are those of protos/, and protos/ keeps to buf's rules."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BUF = "@bufbuild/buf@1.75.0"


def test_the_committed_stubs_are_current(tmp_path: Path) -> None:
    for directory in ("protos", "clients"):
        shutil.copytree(ROOT / directory, tmp_path / directory)
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / ".venv").symlink_to(Path(sys.executable).parents[1])
    recipe = ["make", "--directory", str(tmp_path), "--assume-old=.venv/installed", "protos"]
    subprocess.run(recipe, check=True, capture_output=True)
    generated = sorted((tmp_path / "clients/dragoman/v1").glob("*_pb2*"))
    assert len(generated) == 10
    for file in generated:
        committed = ROOT / "clients/dragoman/v1" / file.name
        assert file.read_text() == committed.read_text(), f"run `make protos`: {file.name} is old"


@pytest.mark.skipif(shutil.which("npx") is None, reason="buf is run with npx, which is absent")
@pytest.mark.parametrize("command", [["lint"], ["format", "--diff", "--exit-code"]])
def test_buf_finds_nothing(command: list[str]) -> None:
    run = subprocess.run(
        ["npx", "--yes", BUF, *command, str(ROOT / "protos")],
        check=False,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stdout + run.stderr
