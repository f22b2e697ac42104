"""Keys from end to end: made, served, sent by the client and the commands, revoked."""

import subprocess
import time
from pathlib import Path

import pytest

from dragoman import AuthenticationError, Client, NotFoundError, QueueFullError
from tests.integration.conftest import Bundles
from tests.integration.served import COMMAND, Served
from tests.integration.waiting import until

TEXTS = ["Good morning!", "Good night!", "How are you?", "I am hungry."] * 5


def new_key(file: Path, *flags: str) -> str:
    """Makes a key as an operator does; its entry is appended to the file."""
    with file.open("a") as entries:
        made = subprocess.run(
            [COMMAND, "keys", "new", *flags],
            stdout=entries,
            stderr=subprocess.PIPE,
            text=True,
            check=True,
        )
    return made.stderr.split()[-1]


def test_a_key_is_made_used_limited_and_revoked(bundles: Bundles, tmp_path: Path) -> None:
    file = tmp_path / "keys.yaml"
    free = new_key(file, "free")
    other = new_key(file, "other", "--models", "another-model")
    scarce = new_key(file, "scarce")
    with file.open("a") as entries:
        entries.write("  texts_per_second: 0.01\n  burst_seconds: 1000\n")
    limited = new_key(file, "limited")
    with file.open("a") as entries:
        entries.write("  texts_per_second: 10\n  burst_seconds: 1\n")
    with Served(bundles["float32"], api_keys=file, log_level="debug") as served:
        with Client(served.address, api_key=free) as client:
            assert client.translate("Good morning!").translated_text == "Guten Morgen!"
            assert len(client.models()) == 1
        with Client(served.address) as client, pytest.raises(AuthenticationError) as refused:
            client.translate("Good morning!")
        assert refused.value.reason == "CREDENTIALS_REFUSED"
        with Client(served.address, api_key=other) as client:
            assert client.models() == []
            with pytest.raises(NotFoundError):
                client.translate("Good morning!")
        limited_to_its_rate(served.address, scarce, limited)
        say_it_by_command(served.address, free, tmp_path)
        revoked(served, file, free)
        log = "".join(served.log)
    assert all(key not in log for key in (free, other, scarce, limited))
    assert "Good morning" not in log


def limited_to_its_rate(address: str, scarce: str, limited: str) -> None:
    """Clients wait as long as they are told, and lose nothing."""
    with Client(address, api_key=scarce, retry_seconds=0) as client:
        client.translate(TEXTS[:10])
        with pytest.raises(QueueFullError) as caught:
            client.translate(TEXTS[:10])
        assert caught.value.reason == "RATE_LIMITED"
        assert caught.value.retry_after is not None
        assert 0 < caught.value.retry_after <= 1000
    with Client(address, api_key=limited) as client:
        began_at = time.monotonic()
        results = list(client.translate_stream(TEXTS))
        assert [result.index for result in results] == list(range(len(TEXTS)))
        assert all(result.error is None for result in results)
        assert time.monotonic() - began_at > 0.8  # 20 texts at 10 a second, some of them saved up


def say_it_by_command(address: str, key: str, folder: Path) -> None:
    (folder / "key").write_text(key)
    command = [str(COMMAND), "translate", "--target", address, "Good morning!"]
    refused = subprocess.run(command, capture_output=True, text=True, check=False)
    assert refused.returncode == 2
    assert "no credentials that are accepted" in refused.stderr
    with_file = [*command, "--api-key-file", str(folder / "key")]
    said = subprocess.run(with_file, capture_output=True, text=True, check=True)
    assert said.stdout == "Guten Morgen!\n"
    health = [str(COMMAND), "health", "--target", address]
    assert subprocess.run(health, capture_output=True, check=True).returncode == 0


def revoked(served: Served, file: Path, key: str) -> None:
    file.write_text("[]")
    with Client(served.address, api_key=key) as client:
        until(lambda: served.metric("file_reloads_total", file="api_keys", outcome="OK") == 1)
        with pytest.raises(AuthenticationError):
            client.translate("Good morning!")
