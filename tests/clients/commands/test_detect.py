from pathlib import Path

import pytest

from dragoman.commands.detect import LINES_AT_ONCE, main
from tests.clients.fake_server import FakeServer

Capture = pytest.CaptureFixture[str]


def test_texts_are_told_one_a_line(server: FakeServer, capsys: Capture) -> None:
    assert main(["--target", server.target, "de Hallo", "und"]) == 0
    assert capsys.readouterr().out == "de\tde 0.75\nund\tund 0.75\n"


def test_parts_of_a_text_are_told_with_their_places(server: FakeServer, capsys: Capture) -> None:
    assert main(["--target", server.target, "--spans", "de en", ""]) == 0
    assert capsys.readouterr().out == "de\t0-2 de 0.75\t3-5 en 0.75\nund\n"


def test_lines_of_a_file_are_told_some_at_a_time(
    server: FakeServer, capsys: Capture, tmp_path: Path
) -> None:
    file = tmp_path / "lines"
    codes = ["en", "de"] * LINES_AT_ONCE
    file.write_text("".join(f"{code} text\n" for code in codes), encoding="utf-8")
    assert main(["--target", server.target, "--input", str(file)]) == 0
    told = capsys.readouterr().out.splitlines()
    assert [line.partition("\t")[0] for line in told] == codes
    assert [len(texts) for texts in server.detections] == [LINES_AT_ONCE, LINES_AT_ONCE]


def test_a_line_that_is_no_text_is_reported_and_has_its_line(
    server: FakeServer, capsys: Capture, tmp_path: Path
) -> None:
    file = tmp_path / "lines"
    file.write_bytes(b"de a\n\xff\nen b\n")
    assert main(["--target", server.target, "--input", str(file)]) == 1
    captured = capsys.readouterr()
    assert [line.partition("\t")[0] for line in captured.out.splitlines()] == ["de", "und", "en"]
    assert "line 2 is not valid UTF-8" in captured.err


def test_what_cannot_be_done_is_told(server: FakeServer, capsys: Capture) -> None:
    assert main(["--target", "127.0.0.1:1", "--timeout=0.2", "a"]) == 2
    assert "dragoman detect:" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["--target", server.target, "a", "--input", "b"])
