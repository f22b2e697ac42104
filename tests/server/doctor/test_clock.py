import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dragoman_server.doctor.clock import ADVICE, TIME_ERROR, adjtimex, check_clock

NOW = datetime(2027, 3, 1, tzinfo=UTC)


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    manifest = tmp_path / "bundle.json"
    manifest.touch()
    written = (NOW - timedelta(days=1)).timestamp()
    os.utime(manifest, (written, written))
    return tmp_path


@pytest.mark.parametrize("state", [0, 1, -1])
def test_a_clock_that_is_kept_or_of_which_nothing_is_told_is_fine(bundle: Path, state: int) -> None:
    finding = check_clock([bundle], NOW, lambda: state)
    assert (finding.state, finding.found) == ("ok", "2027-03-01 00:00 UTC")


def test_a_clock_that_nobody_keeps_is_a_warning(bundle: Path) -> None:
    finding = check_clock([bundle], NOW, lambda: TIME_ERROR)
    assert (finding.state, finding.advice) == ("warning", ADVICE)


@pytest.mark.parametrize("year", [1970, 2105])
def test_a_year_that_cannot_be_is_a_problem(bundle: Path, year: int) -> None:
    assert check_clock([bundle], NOW.replace(year=year), lambda: 0).state == "problem"


def test_a_bundle_of_the_future_says_that_the_clock_is_late(bundle: Path) -> None:
    finding = check_clock([bundle], NOW - timedelta(days=2), lambda: 0)
    assert finding.state == "warning"
    assert "when a bundle was written" in finding.found


def test_no_bundle_says_nothing_of_the_clock(tmp_path: Path) -> None:
    assert check_clock([tmp_path], NOW, lambda: 0).state == "ok"


def test_the_kernel_is_asked_and_not_told() -> None:
    assert adjtimex() in range(-1, TIME_ERROR + 1)
