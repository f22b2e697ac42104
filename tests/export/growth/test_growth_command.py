import json
from pathlib import Path

import pytest

from dragoman_export.growth.cli import default_lengths, main

Capture = pytest.CaptureFixture[str]


def test_a_bundle_is_measured_drawn_and_told(
    int8_bundle: Path, tmp_path: Path, capsys: Capture
) -> None:
    folder = tmp_path / "new" / "folder"
    flags = ["--output", str(folder), "--lengths", "48", "16", "32", "--seconds", "0"]
    assert main(["--bundle", str(int8_bundle), *flags]) == 0
    out = capsys.readouterr().out
    assert [line.split()[0] for line in out.splitlines()[2:6]] == ["tokens", "16", "32", "48"]
    assert out.rstrip().endswith(".")
    told = json.loads((folder / "growth.json").read_text())
    assert [point["length"] for point in told["points"]] == [16, 32, 48]
    for point in told["points"]:  # one round, after the one that warms up
        samples = ("encoder_seconds", "attention_shares", "recurrent_seconds", "step_seconds")
        assert [len(point[name]) for name in samples] == [1, 1, 1, 1]
        assert all(point[name][0] > 0 for name in samples)
    assert (folder / "growth.png").read_bytes().startswith(b"\x89PNG")
    assert (folder / "growth.svg").read_text().startswith("<?xml")


def test_lengths_are_powers_of_two_and_between_up_to_the_models_longest() -> None:
    assert default_lengths(64) == [8, 12, 16, 24, 32, 48, 64]
    assert default_lengths(100) == [8, 12, 16, 24, 32, 48, 64, 96, 100]
    assert default_lengths(1_000_000)[-1] == 2048


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--lengths", "8", "16", "4096"], "--lengths 4,096: this model takes at most "),
        (["--lengths", "8", "8", "9"], "--lengths has 2; needed: at least 3"),
        (["--output", "/dev/null/x"], "cannot write --output /dev/null/x: Not a directory"),
    ],
)
def test_what_cannot_be_measured_is_refused(
    float32_bundle: Path, flags: list[str], message: str, capsys: Capture
) -> None:
    assert main(["--bundle", str(float32_bundle), *flags]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--threads", "0"], "'0' is no whole number from 1 to"),
        (["--lengths", "x", "1", "2"], "'x' is no whole number from 1 to"),
        (["--seconds", "nan"], "'nan' is no number of seconds"),
    ],
)
def test_wrong_flags_are_told(flags: list[str], message: str, capsys: Capture) -> None:
    with pytest.raises(SystemExit):
        main(["--bundle", "anywhere", *flags])
    assert message in capsys.readouterr().err


def test_what_is_no_bundle_for_cpus_is_refused(
    float16_bundle: Path, tmp_path: Path, capsys: Capture
) -> None:
    assert main(["--bundle", str(tmp_path)]) == 2
    assert f"no bundle at {tmp_path}: bundle.json: No such file" in capsys.readouterr().err
    (tmp_path / "bundle.json").write_text('{"name": 3}')
    assert main(["--bundle", str(tmp_path)]) == 2
    assert "is no manifest of a bundle" in capsys.readouterr().err
    assert main(["--bundle", str(float16_bundle)]) == 2
    assert "is made for cuda; give a bundle for CPUs" in capsys.readouterr().err
