import pytest

from dragoman.corpora.progress import Progress


def test_the_rate_begins_with_the_first_lines(capsys: pytest.CaptureFixture[str]) -> None:
    times = iter([100.0, 105.0, 110.0, 120.0])
    progress = Progress(total=10_000, done=1_000, clock=lambda: next(times))
    for _ in range(4):
        progress.add(1_000)
    assert capsys.readouterr().err.splitlines() == [
        "dragoman corpora: 4,000 of 10,000 lines, 200 lines/s, about 0 min left",
        "dragoman corpora: 5,000 of 10,000 lines, 150 lines/s, about 1 min left",
    ]
