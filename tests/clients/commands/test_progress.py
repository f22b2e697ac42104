import pytest

from dragoman.commands.progress import SHOW_AFTER_SECONDS, LineProgress

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time in seconds, to be moved by the test."""
    now = [0.0]
    monkeypatch.setattr("dragoman.commands.progress.time.monotonic", lambda: now[0])
    return now


def test_a_short_job_shows_nothing(clock: list[float], capsys: Capture) -> None:
    with LineProgress(total=10, wanted=True) as progress:
        clock[0] = SHOW_AFTER_SECONDS / 2
        progress.update(10)
    assert capsys.readouterr().err == ""


def test_a_long_job_shows_how_far_it_is(
    clock: list[float], capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich takes the captured stream for a terminal
    with LineProgress(total=3003, wanted=True) as progress:
        clock[0] = SHOW_AFTER_SECONDS
        progress.update(1001)
        progress.say("dragoman translate: line 7: [too] long")
    error = capsys.readouterr().err
    assert "1001/3003" in error
    assert "line 7: [too] long" in error


def test_nothing_is_shown_where_it_is_not_wanted(clock: list[float], capsys: Capture) -> None:
    with LineProgress(total=None, wanted=False) as progress:
        clock[0] = 100.0
        progress.update(5)
        progress.say("a message")
    assert capsys.readouterr().err == "a message\n"
