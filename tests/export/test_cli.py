"""The command: what it prints and how it exits."""

import signal
from pathlib import Path

import pytest

from dragoman_export import export as pipeline
from dragoman_export.cli import main
from tests.export import tiny


def test_a_bundle_is_written_and_summed_up(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sentences = tmp_path / "sentences.txt"
    sentences.write_text("\n\n".join(tiny.SENTENCES) + "\n")
    output = tmp_path / "bundle"
    flags = ["--precision", "int8", "--activation-scales", "per_row"]
    flags += ["--name", "toy", "--sentences", str(sentences)]

    assert main([str(checkpoint), "--output", str(output), *flags]) == 0

    lines = capsys.readouterr().err.splitlines()
    assert [line.partition(" ... ")[0] for line in lines[:-1]] == [
        "load",
        f"translate {len(tiny.SENTENCES)} sentences in PyTorch",
        "quantise, per_row scales",
        "trace",
        f"verify on {len(tiny.SENTENCES)} sentences",
        "choose the heads that align",
        "save",
    ]
    assert lines[-1].startswith(f"{output}: toy, int8 with per_row scales, ")
    assert (output / "bundle.json").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere", "--output", "bundle"], "nowhere"),
        (["{checkpoint}", "--output", "{checkpoint}"], "checkpoint's own directory"),
        (["{checkpoint}", "--output", "{checkpoint}/bundle"], "inside the checkpoint"),
        (["{checkpoint}", "--output", "/dev/null/bundle"], "/dev/null is not a directory"),
        (["{checkpoint}", "--output", "bundle", "--name", ""], "'' cannot be a model's name"),
        (["{checkpoint}", "--output", "bundle", "--name", "caf\udce9"], "cannot be a model's name"),
        (["{checkpoint}", "--output", "bundle", "--sentences", "none.txt"], "none.txt"),
        (["{checkpoint}", "--output", "bundle", "--activation-scales", "per_row"], "int8"),
    ],
)
def test_what_cannot_be_done_is_one_message_and_exit_code_2(
    checkpoint: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    *,
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)

    assert main([word.format(checkpoint=checkpoint) for word in arguments]) == 2

    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("dragoman export: ")
    assert message in last
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("arguments", [[], ["x"], ["x", "--output", "y", "--precision", "int4"]])
def test_bad_use_exits_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)

    assert caught.value.code == 2
    assert "usage: dragoman export" in capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_who_is_told_to_end_leaves_nothing(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    def be_told(_path: Path) -> None:
        assert list((tmp_path / "models").iterdir())
        signal.raise_signal(number)

    monkeypatch.setattr(pipeline, "import_model", be_told)
    before = signal.getsignal(number)

    with pytest.raises(SystemExit) as caught:
        main([str(checkpoint), "--output", str(tmp_path / "models" / "bundle")])

    assert caught.value.code == 128 + number
    assert not list(tmp_path.iterdir())
    assert signal.getsignal(number) == before
