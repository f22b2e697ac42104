"""The three ways to install a server differ in what runs the model, and in nothing else."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def required(extra: str) -> dict[str, str]:
    """Requirements of an extra by their packages."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        lines = tomllib.load(file)["project"]["optional-dependencies"][extra]
    return {re.split(r"[\[<>=]", line)[0]: line for line in lines}


@pytest.mark.parametrize(
    ("extra", "runtime"),
    [("server", "onnxruntime"), ("gpu", "onnxruntime-gpu"), ("torch", "torch")],
)
def test_an_extra_for_a_server_is_a_runtime_and_what_all_of_them_need(
    extra: str, runtime: str
) -> None:
    found, server = required(extra), required("server")
    assert found.pop(runtime)
    del server["onnxruntime"]
    assert found == server


def test_a_bundle_is_run_by_the_torch_that_writes_bundles() -> None:
    assert required("torch")["torch"] == required("export")["torch"]
