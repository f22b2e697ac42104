import dataclasses
from pathlib import Path
from typing import Any, Self

import pytest

from dragoman.attention import cli
from dragoman.errors import ConnectError
from dragoman.results import Attention, FinishReason, Translation
from tests.clients.attention.weights import attention

Capture = pytest.CaptureFixture[str]
TEXT = "The animal didn't cross the street because it was too tired."


class FakeClient:
    """Answers with what it is told to."""

    attention: Attention | None = attention()
    asked: list[tuple[str, dict[str, Any]]] = []  # noqa: RUF012  made anew for each test

    def __init__(self, target: str, **_: Any) -> None:
        if target == "nowhere:1":
            raise ConnectError("no server at nowhere:1")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def translate(self, text: str, **options: Any) -> Translation:
        self.asked.append((text, options))
        said = Translation("Das Tier war müde.", FinishReason.STOP, None, 15, 14, "marian-en-de")
        return dataclasses.replace(said, attention=self.attention)


@pytest.fixture(autouse=True)
def client(monkeypatch: pytest.MonkeyPatch) -> type[FakeClient]:
    fake = type("Fake", (FakeClient,), {"asked": []})
    monkeypatch.setattr(cli, "Client", fake)
    return fake


def test_pictures_and_a_page_are_written_and_the_translation_is_told(
    tmp_path: Path, client: type[FakeClient], capsys: Capture
) -> None:
    folder = tmp_path / "a" / "b"
    assert cli.main([TEXT, "--output", str(folder), "--heads", "1", "--beam-size", "2"]) == 0
    assert capsys.readouterr().out == "Das Tier war müde.\n"
    pictures = [
        f"{kind}-{name}.{form}"
        for kind in ("encoder", "decoder", "cross")
        for name in ("heat-map", "lines")
        for form in ("png", "svg")
    ]
    assert {path.name for path in folder.iterdir()} == {"attention.html", *pictures}
    ((text, options),) = client.asked
    assert text == TEXT
    assert options["return_attention"] is True
    assert options["beam_size"] == 2


def test_kinds_layer_heads_and_word_are_chosen(tmp_path: Path) -> None:
    flags = ["--kind", "encoder", "--layer", "1", "--heads", "3,1", "--word", "it"]
    assert cli.main([TEXT, "--output", str(tmp_path), *flags]) == 0
    assert len(list(tmp_path.iterdir())) == 5
    svg = (tmp_path / "encoder-lines.svg").read_text()
    assert "Encoder self-attention, layer 1 of 2, heads 1, 3" in svg
    assert 0 < svg.count("stroke-opacity") < 30


def test_the_page_has_every_kind_whatever_is_drawn(tmp_path: Path) -> None:
    assert cli.main([TEXT, "--output", str(tmp_path), "--kind", "cross", "--heads", "1"]) == 0
    assert '"kind":"decoder"' in (tmp_path / "attention.html").read_text()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--layer", "3"], "--layer 3: Encoder self-attention has 2 of them"),
        (["--heads", "1,9"], "--heads 9: Encoder self-attention has 4 in each layer"),
        (["--word", "horse"], "--word 'horse' is none of the tokens that attend"),
        (["--target", "nowhere:1"], "no server at nowhere:1"),
    ],
)
def test_what_cannot_be_drawn_is_told(
    flags: list[str], message: str, tmp_path: Path, capsys: Capture
) -> None:
    assert cli.main([TEXT, "--output", str(tmp_path), *flags]) == 2
    assert f"dragoman attention: {message}" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_without_attention_nothing_is_drawn(
    tmp_path: Path, client: type[FakeClient], capsys: Capture
) -> None:
    client.attention = None
    assert cli.main(["", "--output", str(tmp_path)]) == 2
    assert "the server sent no attention: an empty text has none" in capsys.readouterr().err


def test_recurrent_decoders_have_none_of_their_own(
    tmp_path: Path, client: type[FakeClient], capsys: Capture
) -> None:
    client.attention = attention(("a",), ("b",), recurrent=True)
    assert cli.main(["a", "--output", str(tmp_path), "--kind", "decoder"]) == 2
    assert "this model has no decoder attention" in capsys.readouterr().err
    assert cli.main(["a", "--output", str(tmp_path)]) == 0
    assert not list(tmp_path.glob("decoder*"))


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--heads", "1,x"], "'x' is no whole number from 1"),
        (["--layer", "0"], "'0' is no whole number from 1"),
        (["--kind", "self"], "'self' is no kind; there are: encoder, decoder, cross"),
        (["--timeout", "0"], "--timeout must be more than 0 seconds"),
        (["--output", __file__], "is no directory"),
    ],
)
def test_wrong_flags_are_told(flags: list[str], message: str, capsys: Capture) -> None:
    with pytest.raises(SystemExit):
        cli.main([TEXT, *flags])
    assert message in capsys.readouterr().err
