"""Text to ids by the rule that the server follows."""

import warnings
from pathlib import Path

import pytest
import transformers

from dragoman_export.checkpoints.tokenizer import SourceTokenizer, read_vocabulary
from dragoman_export.errors import CheckpointError
from tests.export import tiny

END, UNKNOWN = 0, 1


@pytest.fixture
def tokenizer(checkpoint: Path) -> SourceTokenizer:
    return SourceTokenizer(checkpoint, read_vocabulary(checkpoint), UNKNOWN, END)


def test_ids_equal_those_of_marians_tokenizer(checkpoint: Path, tokenizer: SourceTokenizer) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # sacremoses, which it names, is for other languages
        theirs = transformers.MarianTokenizer.from_pretrained(checkpoint)
    for text in (*tiny.SENTENCES, *tiny.TEXTS, "  odd   spacing ", "", "Ünknown § pieces"):
        assert tokenizer.encode(text) == theirs(text, split_special_tokens=True)["input_ids"]


@pytest.mark.parametrize("text", ["</s>", "the <pad> cat", "<unk>"])
def test_names_of_special_tokens_are_text(
    checkpoint: Path, tokenizer: SourceTokenizer, text: str
) -> None:
    *ids, end = tokenizer.encode(text)

    assert end == END
    assert not {END, read_vocabulary(checkpoint)["<pad>"]} & set(ids)


def test_missing_files_are_all_named(checkpoint: Path, tmp_path: Path) -> None:
    copy = tiny.copy_checkpoint(checkpoint, tmp_path / "copy")
    (copy / "target.spm").unlink()
    (copy / "vocab.json").unlink()

    with pytest.raises(CheckpointError, match=r"lacks target\.spm, vocab\.json"):
        read_vocabulary(copy)


def test_a_vocabulary_of_anything_but_ids_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    copy = tiny.copy_checkpoint(checkpoint, tmp_path / "copy")
    (copy / "vocab.json").write_text('{"a": "b"}')

    with pytest.raises(CheckpointError, match="no JSON object of ids"):
        read_vocabulary(copy)


def test_a_damaged_model_is_named(tmp_path: Path) -> None:
    (tmp_path / "source.spm").write_bytes(b"nothing")

    with pytest.raises(CheckpointError, match=r"source\.spm is no sentencepiece model"):
        SourceTokenizer(tmp_path, {}, UNKNOWN, END)
