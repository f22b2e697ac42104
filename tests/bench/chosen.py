"""What `dragoman serve` chooses by itself for a bundle: engines, their threads and rows, processes.

Knows what a server tells in its log. Does not know how it is measured.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from tests.bench.systems import CORES, Setting
from tests.integration.served import Served


def as_served(setting: Setting) -> Setting:
    """Starts a server with the setting's bundle; returns the setting with what it chooses.

    Raises:
        RuntimeError: It did not start.
    """
    with Served(setting.model) as server:
        return as_told(setting, server.log)


def as_told(setting: Setting, log: Sequence[str]) -> Setting:
    """Returns the setting with what a server that has started tells of its choice.

    Args:
        setting: A model's.
        log: The server's lines, JSON or not.

    Raises:
        KeyError: It tells of no engines.
    """
    lines = (json.loads(line) for line in log if line.startswith("{"))
    events: dict[str, dict[str, Any]] = {line.get("event", ""): line for line in lines}
    caches, processes = events["caches_allocated"], events.get("processes_chosen", {})
    engines = int(caches["engines"])
    return replace(
        setting,
        workers=engines,
        threads=max(1, CORES // engines),
        batch_size=int(caches["rows"]),
        engine_processes=int(processes.get("engine_processes", 0)),
    )
