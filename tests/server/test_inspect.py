import os
import subprocess
import sys
from pathlib import Path

import pytest
from google.protobuf import json_format

from dragoman.v1.bundle_pb2 import Manifest
from dragoman_server.inspect import main
from tests.server.bundles import CONTENTS, write_bundle


def test_a_good_bundle_is_summarised(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_bundle(tmp_path / "bundle")
    assert main([str(tmp_path / "bundle")]) == 0
    out = capsys.readouterr().out
    for shown in (
        "tiny",
        "marian",
        "from",
        "into",
        "float32",
        "token_ids",
        "tiny-checkpoint",
        "200",
    ):
        assert shown in out
    for name in CONTENTS:
        assert name in out
    assert out.count(" ok ") == len(CONTENTS)
    assert "there is no graph of attention weights" in out
    assert "none: dragoman calibrate has not been run" in out


def test_it_is_told_how_words_are_aligned(
    float32_bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(float32_bundle)]) == 0
    out = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert "decoder layer" in out
    assert "chosen by model_1, agreement 0." in out
    assert "cross_attention_" in out


def test_it_is_told_what_a_shortlist_changes(
    listed_bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(listed_bundle)]) == 0
    out = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert "of 3 sentences; of others" in out
    assert "of 3 translations are the same" in out
    assert "listed.onnx" in out


def test_the_manifest_is_printed_as_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = write_bundle(tmp_path / "bundle")
    assert main([str(tmp_path / "bundle"), "--json"]) == 0
    assert json_format.Parse(capsys.readouterr().out, Manifest()) == manifest


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_a_reader_that_goes_away_ends_it_without_a_word(tmp_path: Path, form: list[str]) -> None:
    write_bundle(tmp_path / "bundle")
    program = "import sys; from dragoman.commands.cli import main; sys.exit(main(sys.argv[1:]))"
    read, write = os.pipe()
    os.close(read)
    run = subprocess.run(
        [sys.executable, "-c", program, "inspect", str(tmp_path / "bundle"), *form],
        stdout=write,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(write)
    assert (run.returncode, run.stderr) == (141, b"")


def test_a_tampered_bundle_is_told_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_bundle(tmp_path / "bundle")
    (tmp_path / "bundle" / "decoder.onnx").write_bytes(b"DECODER")
    assert main([str(tmp_path / "bundle")]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "decoder.onnx" in captured.err
    assert len(captured.err.splitlines()) == 1


def test_no_bundle_is_told_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)]) == 2
    assert "bundle.json" in capsys.readouterr().err


def test_inspecting_needs_neither_onnxruntime_nor_numpy() -> None:
    program = (
        "import sys, dragoman_server.inspect; sys.exit({'onnxruntime', 'numpy'} & {*sys.modules})"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert result.stderr.decode().strip() == "set()"
