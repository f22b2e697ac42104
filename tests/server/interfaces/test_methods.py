"""Interfaces are loaded where they are asked for, and say what they need."""

import sys

import pytest

from dragoman_server.errors import ConfigError
from tests.server.service.harness import running


@pytest.mark.parametrize(
    ("name", "package"),
    [("google", "google.cloud.translate_v3"), ("riva", "riva.client.proto")],
)
async def test_one_whose_package_is_missing_says_what_to_install(
    name: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = f"dragoman_server.interfaces.{name}"
    for module in [each for each in sys.modules if each == own or each.startswith(f"{own}.")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, package, None)
    told = rf"interfaces: {name} needs {package}: .*pip install '\.\[{name}\]'"
    with pytest.raises(ConfigError, match=told):
        async with running(interfaces=name):
            pass
    async with running():
        pass
