from importlib.metadata import EntryPoint, EntryPoints

import pytest

from dragoman import __version__
from dragoman.commands import cli


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> None:
    points = EntryPoints(
        EntryPoint(name, f"tests.clients.commands.fake_commands:{function}", cli.GROUP)
        for name, function in [
            ("translate", "echo"),
            ("export", "needs_torch"),
            ("growth", "needs_torch"),
            ("serve", "needs_onnxruntime"),
            ("inspect", "has_a_bug"),
            ("mine", "echo"),
            ("stop", "interrupted"),
        ]
    )
    monkeypatch.setattr(cli, "entry_points", lambda group: points.select(group=group))


pytestmark = pytest.mark.usefixtures("commands")
Capture = pytest.CaptureFixture[str]


def test_a_subcommand_gets_the_arguments_after_its_name(capsys: Capture) -> None:
    assert cli.main(["translate", "a", "--help"]) == 7
    assert capsys.readouterr().out == "a --help\n"


def test_help_lists_every_subcommand_without_importing_it(capsys: Capture) -> None:
    assert cli.main(["--help"]) == 0
    out = capsys.readouterr().out
    assert "  serve       serve a bundle over gRPC\n" in out
    assert "  mine\n" in out


def test_no_subcommand_is_a_usage_error_that_shows_the_help(capsys: Capture) -> None:
    assert cli.main([]) == 2
    assert "usage: dragoman" in capsys.readouterr().err


def test_version(capsys: Capture) -> None:
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"dragoman {__version__}\n"


def test_an_unknown_subcommand_is_answered_with_the_known(capsys: Capture) -> None:
    assert cli.main(["trasnlate"]) == 2
    error = capsys.readouterr().err
    assert "there is no subcommand 'trasnlate'; there are: export, growth, inspect, mine" in error


def test_a_missing_extra_is_answered_with_the_line_that_installs_it(capsys: Capture) -> None:
    assert cli.main(["export"]) == 2
    assert cli.main(["serve"]) == 2
    assert cli.main(["growth"]) == 2
    export, serve, growth = capsys.readouterr().err.splitlines()
    where = "in a clone of Dragoman"
    assert export.endswith(f"needs torch_of_the_test: {where}, pip install '.[export]'")
    assert f"needs onnxruntime_of_the_test: {where}, pip install '.[server]'" in serve
    assert "pip install '.[gpu]'" in serve
    assert serve.endswith("for bundles that PyTorch runs: pip install '.[torch]'")
    assert growth.endswith("pip install '.[export,pictures]'")


def test_help_needs_no_extra(capsys: Capture) -> None:
    assert cli.main(["serve", "--help"]) == 0
    assert cli.main(["export", "--output", "x", "-h"]) == 0
    told = capsys.readouterr()
    assert told.out.startswith("usage: dragoman serve ...\n\nServe a bundle over gRPC.\n")
    assert "pip install '.[export]'" in told.out
    assert told.err == ""


def test_a_missing_module_of_our_own_is_a_bug_and_not_a_missing_extra() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"dragoman_server\.no_such_module"):
        cli.main(["inspect"])


def test_an_interrupt_ends_without_a_traceback(capsys: Capture) -> None:
    assert cli.main(["stop"]) == 130
    assert capsys.readouterr().err == "interrupted\n"
