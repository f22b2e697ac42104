"""What the Marian importer accepts, and what it says of what it does not."""

import json
from pathlib import Path

import pytest
import safetensors.torch
import torch

from dragoman_export.checkpoints.checkpoint import read_checkpoint
from dragoman_export.errors import CheckpointError
from dragoman_export.families.marian import import_marian
from dragoman_export.families.positions import sinusoids
from dragoman_export.model import ImportedModel
from tests.export import tiny


@pytest.fixture
def copy(checkpoint: Path, tmp_path: Path) -> Path:
    return tiny.copy_checkpoint(checkpoint, tmp_path / "copy")


def imported(path: Path) -> ImportedModel:
    return import_marian(read_checkpoint(path))


def change_tensors(path: Path, changes: dict[str, torch.Tensor | None]) -> None:
    file = path / "model.safetensors"
    tensors = safetensors.torch.load_file(file) | changes
    kept = {name: tensor for name, tensor in tensors.items() if tensor is not None}
    safetensors.torch.save_file(kept, file)


def test_all_unsupported_settings_are_named_at_once(copy: Path) -> None:
    tiny.change_config(
        copy, activation_function="mish", normalize_before=True, d_model=33, vocab_size=None
    )
    with pytest.raises(CheckpointError) as caught:
        imported(copy)

    message = str(caught.value)
    for problem in ("'mish'", "normalize_before is True", "33 cannot be", "vocab_size is None"):
        assert problem in message


def test_ids_outside_the_vocabulary_are_named(copy: Path) -> None:
    (copy / "generation_config.json").write_text(json.dumps({"bad_words_ids": [[9999]]}))
    tiny.change_config(copy, eos_token_id=-1, vocab_size=100)
    with pytest.raises(CheckpointError) as caught:
        imported(copy)

    message = str(caught.value)
    for problem in ("bad_words_ids 9999", "eos_token_id -1", "vocab.json has ids outside"):
        assert problem in message


def test_the_tied_embedding_may_go_by_any_of_its_names(copy: Path) -> None:
    shared = imported(copy).transformer.encoder.embedding.tokens.weight
    change_tensors(
        copy,
        {
            "model.shared.weight": None,
            "lm_head.weight": read_checkpoint(copy).tensors["model.shared.weight"],
        },
    )

    assert torch.equal(imported(copy).transformer.encoder.embedding.tokens.weight, shared)


def test_all_misfitting_tensors_are_named_at_once(copy: Path) -> None:
    missing, misshapen = "model.decoder.layers.1.fc2.bias", "model.encoder.layers.0.fc1.weight"
    change_tensors(copy, {missing: None, misshapen: torch.zeros(2, 3)})

    with pytest.raises(CheckpointError) as caught:
        imported(copy)

    assert f"{missing} is missing" in str(caught.value)
    assert f"{misshapen} has shape (2, 3); (48, 32) is needed" in str(caught.value)


def test_a_stored_sinusoidal_table_is_accepted_and_a_learned_one_refused(copy: Path) -> None:
    name = "model.encoder.embed_positions.weight"
    change_tensors(copy, {name: sinusoids(64, 32)})
    imported(copy)

    change_tensors(copy, {name: torch.zeros(64, 32)})
    with pytest.raises(CheckpointError, match="learned positions"):
        imported(copy)


def test_float16_weights_are_read_as_float32(copy: Path) -> None:
    file = copy / "model.safetensors"
    halves = {name: tensor.half() for name, tensor in safetensors.torch.load_file(file).items()}
    safetensors.torch.save_file(halves, file)

    model = imported(copy)

    assert {parameter.dtype for parameter in model.transformer.encoder.parameters()} == {
        torch.float32
    }


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"max_length": 40, "forced_eos_token_id": 0}, 38),
        ({"max_length": 40, "forced_eos_token_id": None}, 39),
        ({"max_length": 9999, "forced_eos_token_id": 0}, 63),
        ({"max_length": None}, 63),
    ],
)
def test_default_length_counts_text_tokens(
    copy: Path, settings: dict[str, object], expected: int
) -> None:
    (copy / "generation_config.json").write_text(json.dumps(settings))
    tiny.change_config(copy, forced_eos_token_id=None, max_length=None)

    assert imported(copy).max_decoding_length == expected


def test_bad_words_of_several_tokens_are_sequences(copy: Path) -> None:
    words = {"bad_words_ids": [[3, 4], [5], [0], [6, 7, 8]]}
    (copy / "generation_config.json").write_text(json.dumps(words))
    model = imported(copy)
    assert (model.suppressed_ids, model.suppressed_sequences) == ((5,), ((3, 4), (6, 7, 8)))
