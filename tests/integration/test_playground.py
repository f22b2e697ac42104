"""`dragoman serve --playground`: a client as any other, with real models behind it."""

import contextlib
import json
import socket
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import yaml

from dragoman_server.access.keys import hash_of, new_key
from tests.integration.served import Served


def ask(served: Served, path: str, body: object = None, key: str = "") -> list[dict[str, Any]]:
    """Asks the page's server, and returns the lines of the answer."""
    headers = {"content-type": "application/json"}
    if key:
        headers["authorization"] = f"Bearer {key}"
    address = served.event("ready")["playground_address"]
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"http://{address}/{path}", data, headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return [json.loads(line) for line in answer]


@pytest.mark.parametrize("workers", [0, 1])
def test_it_translates_as_the_server_does_and_ends_with_it(
    float32_bundle: Path, workers: int
) -> None:
    settings = {"playground": "true", "playground_port": 0, "workers": workers, "engines": 1}
    with Served(float32_bundle, **settings) as served:
        (models,) = ask(served, "api/models")
        assert len(models["models"]) == 1
        options = {"beam_size": 2, "num_hypotheses": 2, "max_decoding_length": 8}
        *_, last = ask(served, "api/translate", {"text": "a b c", "options": options})
        assert len(last["translation"]["hypotheses"]) == 2
        (wrong,) = ask(served, "api/translate", {"text": "a", "options": {"beam_size": 99}})
        assert wrong["error"]["violations"][0]["field"] == "options.beam_size"
        host, _, port = served.event("ready")["playground_address"].partition(":")
        served.terminate()
        assert served.wait() == 0
        with contextlib.suppress(ConnectionRefusedError):
            socket.create_connection((host, int(port)), timeout=1)
            pytest.fail("the page is still there")


def test_with_keys_it_asks_for_the_visitors_own_and_logs_none(
    tmp_path: Path, float32_bundle: Path
) -> None:
    key = new_key()
    methods = ["StreamTranslateText", "ListModels"]
    entry = {"name": "visitor", "sha256": hash_of(key), "methods": methods, "models": ["*"]}
    (tmp_path / "keys.yaml").write_text(yaml.safe_dump([entry]))
    settings = {"playground": "true", "playground_port": 0, "api_keys": tmp_path / "keys.yaml"}
    with Served(float32_bundle, **settings, engines=1) as served:
        (refused,) = ask(served, "api/models")
        assert refused["error"]["reason"] == "CREDENTIALS_REFUSED"
        assert "models" in ask(served, "api/models", key=key)[0]
        text = {"text": "a canary c", "options": {"max_decoding_length": 4}}
        assert "translation" in ask(served, "api/translate", text, key)[-1]
        assert ask(served, "api/translate", text)[0]["error"]["code"] == "UNAUTHENTICATED"
        assert served.metric("requests_total", code="UNAUTHENTICATED") == 2
        assert served.metric("requests_total", code="OK") == 2
    log = "".join(served.log)
    assert key not in log
    assert "canary" not in log
