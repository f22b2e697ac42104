"""`dragoman admin` against a real server."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from dragoman import AuthenticationError, Client
from dragoman.commands import admin
from dragoman_server.access.keys import hash_of, new_key
from tests.integration.served import Served
from tests.integration.waiting import until

EVENTS = ("credentials_in_clear", "file_reloaded")


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


@pytest.mark.parametrize("workers", [0, 1])
def test_a_process_reads_the_keys_of_its_ports_once_and_anew(
    tmp_path: Path, float32_bundle: Path, workers: int
) -> None:
    shutil.copytree(float32_bundle, tmp_path / "models/tiny")
    keys, key = tmp_path / "keys.yaml", new_key()
    methods = ["AdminService", "ListModels"]
    entry = {"name": "operator", "sha256": hash_of(key), "methods": methods, "models": ["*"]}
    keys.write_text(yaml.safe_dump([entry]))
    settings = {"admin_port": 0, "admin_host": "0.0.0.0", "api_keys": keys, "engines": 1}
    with Served(None, models=tmp_path / "models", workers=workers, **settings) as served:
        assert served.event("credentials_in_clear")["host"] == "0.0.0.0"
        port = served.event("ready")["admin_address"].rpartition(":")[2]
        ask = ["list", "--target", f"127.0.0.1:{port}", "--api-key", key]
        with Client(served.address, api_key=key) as client:
            assert admin.main(ask) == 0
            assert client.models()
            keys.write_text("[]")
            until(lambda: admin.main(ask) != 0 and refuses(client))
    told = {event: sum(event in line for line in served.log) for event in EVENTS}
    assert told == {"credentials_in_clear": 1, "file_reloaded": 1 + workers}


def refuses(client: Client) -> bool:
    try:
        client.models()
    except AuthenticationError:
        return True
    return False
