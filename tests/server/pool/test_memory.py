import pytest

from dragoman_server.pool import memory
from dragoman_server.pool.memory import MemoryBudget
from tests.server.service.harness import make_config


@pytest.mark.parametrize(
    ("settings", "models", "total"),
    [
        ({"models_memory": 10}, 1, None),  # there is no other one to leave anything to
        ({"models_memory": 10}, 2, 10),
        ({"models_memory": 10, "models": "models"}, 1, 10),
        ({"models_memory": 10, "models": "models"}, 0, 10),
        ({}, 2, 1000),
    ],
)
def test_models_that_are_several_or_may_become_so_share_what_the_settings_or_the_machine_say(
    settings: dict[str, object],
    models: int,
    total: int | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(memory, "memory_bytes", lambda: 1000)
    assert MemoryBudget.of(make_config(**settings), models).total == total
