"""Messages that nobody would send, thousands of them at once: the server is as well as before.

What is left of a run: `python -m tests.faults.fuzz`.
"""

from pathlib import Path

import pytest

from tests.attacks.harness import Server
from tests.faults import fuzz

SEED = 7


@pytest.mark.parametrize("workers", [0, 1])
def test_two_thousand_messages_leave_nothing(float32_bundle: Path, workers: int) -> None:
    with Server(float32_bundle, workers=workers, detect_languages=True) as server:
        report = fuzz.fuzz(server, 2000, SEED)
    assert report.problems == []
    assert report.messages == 2000
    assert {"OK", "INVALID_ARGUMENT", "NOT_FOUND"} <= report.codes.keys()


@pytest.mark.fault
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("workers", [0, 1])
def test_a_hundred_thousand_messages_leave_nothing(float32_bundle: Path, workers: int) -> None:
    given = ["--bundle", str(float32_bundle), "--workers", str(workers), "--messages", "100000"]
    assert fuzz.main(given) == 0
