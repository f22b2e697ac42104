"""What both demos need is in the source distribution, as hatchling lists it."""

import shutil
import subprocess
from pathlib import Path

import pytest
from hatchling.builders.sdist import SdistBuilder

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def distributed() -> set[Path]:
    return {Path(file.path) for file in SdistBuilder(str(ROOT)).recurse_included_files()}


def needed(target: str) -> list[Path]:
    """The files and folders that the commands of a first `make TARGET` name."""
    make = shutil.which("make")
    assert make is not None
    flags = ["VENV=build/no-such-environment", "BUNDLE=build/no-such-bundle"]
    told = subprocess.run(
        [make, "-n", target, *flags], cwd=ROOT, capture_output=True, text=True, check=True
    )
    words = [word for line in told.stdout.splitlines() for word in line.split()]
    return [ROOT / word for word in words if not word.startswith("/") and (ROOT / word).exists()]


def test_the_demo_can_be_made_from_it(distributed: set[Path]) -> None:
    found = needed("demo")
    assert {ROOT / "examples/demo.py", ROOT / "constraints.txt"} <= set(found)
    assert ROOT / "export/checkpoints/marian-en-de" in found
    for path in (ROOT / "Makefile", *found):
        files = [each for each in path.rglob("*") if each.is_file()] if path.is_dir() else [path]
        sources = {each for each in files if "__pycache__" not in each.parts}
        assert sources
        assert sources <= distributed


def test_the_training_can_be_made_from_it(distributed: set[Path]) -> None:
    recipe = {ROOT / "examples/number_phrases.py", ROOT / "examples/train_transformer.py"}
    assert recipe <= set(needed("train-demo"))
    assert recipe <= distributed


@pytest.mark.parametrize("package", ["server/dragoman_server", "export/dragoman_export", "clients"])
def test_every_module_and_what_lies_beside_it_is_in_it(
    distributed: set[Path], package: str
) -> None:
    files = {path for path in (ROOT / package).rglob("*") if path.is_file()}
    assert {path for path in files if "__pycache__" not in path.parts} <= distributed
