"""`dragoman export --check`: what a folder is, and nothing is written."""

from pathlib import Path

import pytest

from dragoman_export.cli import main
from tests.export import tiny


def test_what_would_come_of_a_checkpoint_is_told(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tiny.copy_checkpoint(checkpoint, tmp_path / "copy")
    files = sorted(copy.iterdir())
    assert main([str(copy), "--check"]) == 0
    told = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert told["family"] == "marian"
    assert told["sizes"] == "2 encoder and 2 decoder layers, width 32, 265 tokens"
    assert (told["from"], told["into"], told["told"]) == ("en", "de", "no languages")
    assert sorted(copy.iterdir()) == files


def test_what_hinders_is_listed(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tiny.copy_checkpoint(checkpoint, tmp_path / "copy")
    tiny.change_config(copy, encoder_ffn_dim=47, decoder_ffn_dim=63)
    assert main([str(copy), "--check"]) == 2
    told = capsys.readouterr().err
    for tensor in ("model.encoder.layers.1.fc1.weight", "model.decoder.layers.0.fc2.weight"):
        assert f"{tensor} has shape" in told


def test_a_prefix_goes_before_every_source(
    checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(checkpoint), "--check", "--source-prefix", "the house: "]) == 0
    assert "the target language before the source" in capsys.readouterr().out


@pytest.mark.parametrize("count", ["0", "-1", "x", "1.5"])
def test_a_number_of_sentences_that_cannot_be_is_refused(
    count: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["x", "--check", f"--verify-sentences={count}"])
    assert f"{count!r} is no whole number from 1" in capsys.readouterr().err


def test_without_a_check_an_output_is_needed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["x"])
    assert "--output is needed, or --check" in capsys.readouterr().err
