"""The tokenizer files of a checkpoint. What texts become: families/test_marian_tokens.py."""

from pathlib import Path

import pytest

from dragoman.v1.bundle_pb2 import SpecialTokens, TokenizerFiles
from dragoman_export.checkpoints.tokenizer import CheckpointTokenizer, read_vocabulary
from dragoman_export.errors import CheckpointError
from dragoman_export.families.marian_tokens import sentencepiece_tokenizer
from tests.export import tiny

FILES = TokenizerFiles(
    kind="sentencepiece",
    source_model_path="source.spm",
    target_model_path="target.spm",
    vocabulary_path="vocab.json",
)
SPECIAL = SpecialTokens(end_id=0, unknown_id=1)


def tokenizer_of(checkpoint: Path) -> CheckpointTokenizer:
    contents = {name: checkpoint / name for name in ("source.spm", "target.spm", "vocab.json")}
    vocabulary = read_vocabulary(checkpoint, "vocab.json")
    return sentencepiece_tokenizer(contents, FILES, SPECIAL, vocabulary)


def test_missing_files_are_all_named(checkpoint: Path, tmp_path: Path) -> None:
    copy = tiny.copy_checkpoint(checkpoint, tmp_path / "copy")
    (copy / "target.spm").unlink()
    (copy / "vocab.json").unlink()

    with pytest.raises(CheckpointError, match=r"lacks target\.spm, vocab\.json"):
        read_vocabulary(copy, "vocab.json", "source.spm", "target.spm")


@pytest.mark.parametrize("content", ['{"a": "b"}', "[]", "{", '{"a": true}'])
def test_a_vocabulary_of_anything_but_ids_is_refused(
    checkpoint: Path, tmp_path: Path, content: str
) -> None:
    copy = tiny.copy_checkpoint(checkpoint, tmp_path / "copy")
    (copy / "vocab.json").write_text(content)

    with pytest.raises(CheckpointError, match=r"cannot read .*vocab\.json"):
        read_vocabulary(copy, "vocab.json")


def test_a_damaged_model_is_named(checkpoint: Path, tmp_path: Path) -> None:
    copy = tiny.copy_checkpoint(checkpoint, tmp_path / "copy")
    (copy / "source.spm").write_bytes(b"nothing")

    with pytest.raises(CheckpointError, match=r"source\.spm is no sentencepiece file"):
        tokenizer_of(copy)


def test_a_bundle_gets_the_files_and_their_paths(checkpoint: Path, tmp_path: Path) -> None:
    tokenizer = tokenizer_of(checkpoint)

    tokenizer.save(tmp_path / "tokens")

    described = tokenizer.describe("tokens")
    assert described.vocabulary_path == "tokens/vocab.json"
    for path in (described.source_model_path, described.target_model_path):
        name = path.removeprefix("tokens/")
        assert (tmp_path / path).read_bytes() == (checkpoint / name).read_bytes()


def test_probes_are_what_the_source_model_does_not_know(checkpoint: Path, tmp_path: Path) -> None:
    copy = tiny.copy_checkpoint(checkpoint, tmp_path / "copy")
    (copy / "vocab.json").write_text('{"</s>": 0, "<unk>": 1, "e": 2, "ß": 3, "\u2581Ж": 4}')

    assert {"ß", " Ж"} <= set(tokenizer_of(copy).probes)
    assert "e" not in tokenizer_of(copy).probes
