"""`dragoman playground`: wrong flags are told before anything listens."""

import pytest

from dragoman.playground.cli import main


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["--port", "70000"], "--port must be from 0 to 65,535, not 70,000"),
        (["--timeout", "0"], "--timeout must be more than 0 seconds"),
        (["--api-key", "a", "--api-key-file", "b"], "either --api-key or --api-key-file"),
    ],
)
def test_a_wrong_flag_is_told(
    argv: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(argv)
    assert ended.value.code == 2
    assert told in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["--target", "https://there"], "must be host:port and no URL"),
        (["--target", "far.example:1", "--api-key", "k"], "would be sent to far.example:1 in plai"),
        (["--tls-ca", "/nowhere"], "No such file"),
        (["--host", "203.0.113.1", "--port", "0"], "assign"),
    ],
)
def test_what_keeps_it_from_starting_is_one_line(
    argv: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(argv) == 2
    error = capsys.readouterr().err
    assert error.startswith("dragoman playground: ")
    assert told in error
    assert error.count("\n") == 1
