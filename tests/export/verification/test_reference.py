"""transformers is given checkpoints of all kinds, and may raise anything."""

import json
from pathlib import Path

import pytest

from dragoman_export.errors import CheckpointError
from dragoman_export.model import Prompt
from dragoman_export.verification.reference import ReferenceDecoder, ReferenceTokenizer
from tests.export import tiny


@pytest.fixture
def copy(checkpoint: Path, tmp_path: Path) -> Path:
    return tiny.copy_checkpoint(checkpoint, tmp_path / "copy")


@pytest.mark.parametrize("settings", [{"dropout": "x"}, {"is_encoder_decoder": 3}])
def test_settings_that_transformers_refuses_are_one_line(
    copy: Path, settings: dict[str, object]
) -> None:
    tiny.change_config(copy, **settings)

    with pytest.raises(CheckpointError, match=rf"transformers cannot load {copy}: [^\n]+$"):
        ReferenceDecoder(copy, 264, 0, 264)


@pytest.mark.parametrize("settings", [{"dropout": 2}, {"return_dict": []}])
def test_settings_that_it_fails_with_later_are_one_line_too(
    copy: Path, settings: dict[str, object]
) -> None:
    tiny.change_config(copy, **settings)

    reference = ReferenceDecoder(copy, 264, 0, 264)

    with pytest.raises(CheckpointError, match=rf"cannot translate with {copy}: [^\n]+$"):
        reference.decode([Prompt([3, 4, 0])], 4)


def test_an_empty_list_of_bad_words_forbids_nothing(copy: Path) -> None:
    (copy / "generation_config.json").write_text('{"bad_words_ids": []}')

    (hypothesis,) = ReferenceDecoder(copy, 264, 0, 264).decode([Prompt([3, 4, 0])], 4)

    assert hypothesis.token_ids


def test_a_tokenizer_that_cannot_be_used_is_one_line(copy: Path) -> None:
    (copy / "tokenizer_config.json").write_text(json.dumps({"model_max_length": "x"}))

    tokenizer = ReferenceTokenizer(copy)

    with pytest.raises(
        CheckpointError, match=rf"the tokenizer of {copy} fails at 'a cat': [^\n]+$"
    ):
        tokenizer.encode("a cat")
