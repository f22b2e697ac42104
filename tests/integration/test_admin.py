"""`dragoman admin` against a real server."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from dragoman import Client
from dragoman.commands import admin
from tests.integration.served import Served


@pytest.fixture
def served(tmp_path: Path, float32_bundle: Path, int8_bundle: Path) -> Iterator[Served]:
    shutil.copytree(float32_bundle, tmp_path / "tiny@1")
    with Served(None, models=tmp_path, models_poll_seconds=0, admin_port=0, engines=1) as served:
        shutil.copytree(int8_bundle, tmp_path / "tiny@2")
        yield served


def run(served: Served, *argv: str) -> int:
    return admin.main([*argv, "--target", served.event("ready")["admin_address"]])


def test_a_version_is_loaded_chosen_and_unloaded(
    served: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    with Client(served.address) as client:

        def version() -> str:
            return client.translate("a b c", max_decoding_length=4).model_version

        assert run(served, "list") == 0
        assert "not_loaded" in capsys.readouterr().out
        assert version() == "1"
        assert run(served, "load", "tiny@2") == 0
        assert version() == "2"
        assert run(served, "default", "tiny", "1") == 0
        assert version() == "1"
        assert run(served, "unload", "tiny@1") == 0
        assert version() == "2"
        capsys.readouterr()
        assert run(served, "unload", "tiny@1") == 1
        assert "no bundle 'tiny@1' is loaded" in capsys.readouterr().err
