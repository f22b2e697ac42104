"""Lists that export makes: files, report, and what is refused."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dragoman_export.cli import main
from dragoman_export.errors import UsageError
from dragoman_export.export import ExportRequest, export
from tests.export import tiny


def manifest_of(bundle: Path) -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads((bundle / "bundle.json").read_text())
    return manifest


def request(checkpoint: Path, output: Path, **changes: Any) -> ExportRequest:
    asked = tiny.request(checkpoint, output, "int8")
    return dataclasses.replace(asked, **({"activation_scales": "per_row"} | changes))


def test_the_manifest_says_what_lists_change(listed_bundle: Path) -> None:
    manifest = manifest_of(listed_bundle)
    report = manifest["shortlist"]["report"]
    assert manifest["format_version"] == 8
    assert report["trained_count"] + report["sentence_count"] == len(tiny.TEXTS)
    assert 0 <= report["identical_count"] <= report["sentence_count"] == 3
    assert 5 < report["mean_tokens"] < 40
    listed = {file["path"] for file in manifest["files"]}
    paths = [path for name, path in manifest["shortlist"].items() if name.endswith("_path")]
    assert {"listed.onnx", *paths} <= listed
    assert len(paths) == 6


def test_lists_that_have_everything_change_nothing(checkpoint: Path, tmp_path: Path) -> None:
    """200 frequent tokens are all that the tiny model ever says."""
    manifest = export(
        request(checkpoint, tmp_path / "bundle", shortlist=tiny.TEXTS), tiny.no_progress
    )
    report = manifest.shortlist.report
    assert report.identical_count == report.sentence_count == 3
    assert report.mean_tokens >= 200
    weights = np.load(tmp_path / "bundle/shortlist/weights.npy")
    assert (weights.dtype, weights.shape) == (np.int8, (384, 32))


def test_without_lists_a_bundle_is_as_it_was(int8_bundle: Path) -> None:
    manifest = manifest_of(int8_bundle)
    assert manifest["format_version"] == 7
    assert "shortlist" not in manifest
    assert not (int8_bundle / "listed.onnx").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"precision": "float32", "activation_scales": "auto"}, "int8, and not with float32"),
        ({"shortlist": ["one"]}, "--shortlist has 1 sentences; it takes 2 or more"),
        ({"shortlist": ["one", "the cat " * 60]}, "the model takes up to 64"),
    ],
)
def test_what_makes_no_lists_is_refused(
    checkpoint: Path, tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    asked = request(checkpoint, tmp_path / "bundle", **({"shortlist": tiny.TEXTS} | changes))
    with pytest.raises(UsageError, match=message):
        export(asked, tiny.no_progress)
    assert not list(tmp_path.iterdir())


def test_lists_are_for_one_language(checkpoint: Path, tmp_path: Path) -> None:
    tiny_copy = tiny.copy_checkpoint(checkpoint, tmp_path / "checkpoint")
    settings = json.loads((tiny_copy / "tokenizer_config.json").read_text())
    settings["target_lang"] = "de+fr"
    (tiny_copy / "tokenizer_config.json").write_text(json.dumps(settings))
    asked = request(tiny_copy, tmp_path / "bundle", target_language="de+fr", shortlist=tiny.TEXTS)
    with pytest.raises(UsageError, match="--shortlist goes with one language of the target"):
        export(asked, tiny.no_progress)


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "cannot read --shortlist"), ("\n \n", "has no line that is not empty")],
)
def test_a_file_without_sentences_is_one_message(
    checkpoint: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    content: str | None,
    message: str,
) -> None:
    sentences = tmp_path / "sentences.txt"
    if content is not None:
        sentences.write_text(content)
    flags = ["--precision", "int8", "--shortlist", str(sentences)]
    assert main([str(checkpoint), "--output", str(tmp_path / "bundle"), *flags]) == 2
    assert message in capsys.readouterr().err.splitlines()[-1]
