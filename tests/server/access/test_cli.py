import time

import pytest

from dragoman_server.access.cli import main
from dragoman_server.access.keys import Keys
from dragoman_server.access.principal import Principal


def test_a_new_key_opens_what_its_entry_grants(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new", "acme", "--models", "en-de", "en-fr", "--methods", "ListModels"]) == 0
    assert main(["new", "other"]) == 0
    printed = capsys.readouterr()
    first, second = (line.rpartition(": ")[2] for line in printed.err.splitlines())
    keys = Keys.read(printed.out, "keys.yaml")  # appended one after the other
    acme, other = keys.find(first, time.time()), keys.find(second, time.time())
    assert acme == Principal("acme", frozenset({"ListModels"}), frozenset({"en-de", "en-fr"}))
    assert other == Principal("other", frozenset({"*"}), frozenset({"*"}))
    assert first not in printed.out


@pytest.mark.parametrize(
    "argv", [[], ["new"], ["new", "a b"], ["new", "jwt:a"], ["new", "a", "--methods", "All"]]
)
def test_what_makes_no_entry_is_told(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(argv)
    assert caught.value.code == 2
    assert "dragoman_" not in capsys.readouterr().err


def test_the_help_says_what_is_granted_by_name_alone(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        main(["new", "--help"])
    told = " ".join(capsys.readouterr().out.split())
    assert (
        "BatchTranslateText, or * for all but AdminService and BatchTranslateText; default: *"
        in told
    )
