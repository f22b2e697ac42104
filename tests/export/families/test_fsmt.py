"""What of FSMT checkpoints is refused, and which weights are tied."""

import json
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from dragoman_export.errors import CheckpointError
from dragoman_export.families import import_model
from tests.export import tiny
from tests.exports import Exports
from tests.families.fsmt import KINDS, make_checkpoint


@pytest.fixture
def copy(exports: Exports, tmp_path: Path) -> Path:
    made = exports.get("fsmt-wmt19", lambda path: make_checkpoint(path, KINDS["wmt19"]))
    return tiny.copy_checkpoint(made, tmp_path / "copy")


def change(file: Path, **settings: object) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | settings))


def refusal(checkpoint: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        import_model(checkpoint)
    return str(caught.value)


def without(checkpoint: Path, name: str) -> None:
    tensors = load_file(checkpoint / "model.safetensors")
    del tensors[name]
    save_file(tensors, checkpoint / "model.safetensors", metadata={"format": "pt"})


def test_languages_and_what_goes_without_saying_are_known(copy: Path) -> None:
    change(copy / "config.json", decoder_start_token_id=None, eos_token_id=None, pad_token_id=None)
    model = import_model(copy)
    assert (model.source_language, model.target_language) == ("en", "de")
    assert (model.decoder_start_id, model.end_id, model.unknown_id) == (2, 2, 3)
    assert model.suppressed_ids == (1,)
    assert model.max_decoding_length == 58
    (copy / "generation_config.json").unlink()
    change(copy / "config.json", max_position_embeddings=80, max_length=None)
    assert import_model(copy).max_decoding_length == 79


def test_all_problems_of_settings_are_told_at_once_under_their_own_names(copy: Path) -> None:
    change(copy / "config.json", src_vocab_size="x", tgt_vocab_size=0, activation_function="tanh")
    change(copy / "tokenizer_config.json", langs=["en"], do_lower_case="no")
    told = refusal(copy)
    assert "src_vocab_size is 'x'; a whole number from 1" in told
    assert "tgt_vocab_size is 0; a whole number from 1" in told
    assert "activation_function is 'tanh'" in told
    assert "langs is ['en'] in tokenizer_config.json; two languages are needed" in told
    assert "do_lower_case is 'no'" in told


def test_a_vocabulary_that_is_missing_too_large_or_of_other_special_tokens_is_named(
    copy: Path,
) -> None:
    targets = json.loads((copy / "vocab-tgt.json").read_text())
    change(copy / "vocab-tgt.json", **{"<unk>": 4, "more": 100_000})
    told = refusal(copy)
    assert "<unk> is 3 in vocab-src.json and 4 in vocab-tgt.json; they must be the same" in told
    assert f"vocab-tgt.json has ids outside the model's vocabulary of {len(targets)}" in told
    (copy / "vocab-tgt.json").unlink()
    assert "lacks vocab-tgt.json" in refusal(copy)


def test_an_added_token_is_refused(copy: Path) -> None:
    (copy / "added_tokens.json").write_text(json.dumps({"<NUM>": 100_000}))
    assert "the added token '<NUM>' is not supported" in refusal(copy)


def test_an_output_projection_that_is_not_there_is_the_embedding_of_targets(copy: Path) -> None:
    assert not import_model(copy).transformer.config.tied_output
    without(copy, "model.decoder.output_projection.weight")
    assert import_model(copy).transformer.config.tied_output


def test_an_embedding_of_sources_that_is_not_there_is_missed(copy: Path) -> None:
    without(copy, "model.encoder.embed_tokens.weight")
    assert "encoder.embedding.weight is missing" in refusal(copy)


def test_positions_of_another_shape_are_named(copy: Path) -> None:
    change(copy / "config.json", max_position_embeddings=90)
    assert "model.encoder.embed_positions.weight has shape (82, 32); (92, 32)" in refusal(copy)
