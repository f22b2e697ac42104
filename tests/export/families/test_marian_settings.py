"""Settings of many hands and years: those of one meaning are taken, the others are told."""

import json
from pathlib import Path

import pytest

from dragoman_export.checkpoints.checkpoint import read_checkpoint
from dragoman_export.errors import CheckpointError
from dragoman_export.families.marian import import_marian
from dragoman_export.model import ImportedModel
from tests.export import tiny

OF_2020: dict[str, object] = {
    "_name_or_path": "/tmp/Helsinki-NLP/opus-mt-en-de",
    "_num_labels": 3,
    "add_bias_logits": False,
    "add_final_layer_norm": False,
    "bad_words_ids": [[264]],
    "bos_token_id": 0,
    "classif_dropout": 0.0,
    "classifier_dropout": 0.0,
    "decoder_vocab_size": 265,
    "extra_pos_embeddings": 265,
    "force_bos_token_to_be_generated": False,
    "forced_eos_token_id": 0,
    "gradient_checkpointing": False,
    "id2label": {"0": "LABEL_0", "1": "LABEL_1", "2": "LABEL_2"},
    "label2id": {"LABEL_0": 0, "LABEL_1": 1, "LABEL_2": 2},
    "max_length": 512,
    "normalize_before": False,
    "normalize_embedding": False,
    "num_beams": 6,
    "num_hidden_layers": 2,
    "static_position_embeddings": True,
}
"""What config.json of a checkpoint converted then says beside today's settings."""


@pytest.fixture
def copy(checkpoint: Path, tmp_path: Path) -> Path:
    return tiny.copy_checkpoint(checkpoint, tmp_path / "copy")


def change_generation(path: Path, **settings: object) -> None:
    file = path / "generation_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | settings))


def rename(path: Path, **names: str) -> None:
    file = path / "config.json"
    settings = json.loads(file.read_text())
    file.write_text(json.dumps({names.get(name, name): settings[name] for name in settings}))


def imported(path: Path) -> ImportedModel:
    return import_marian(read_checkpoint(path))


def refusal(path: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        imported(path)
    return str(caught.value)


@pytest.mark.parametrize(
    "name",
    [
        "decoder_vocab_size",
        "normalize_embedding",
        "normalize_before",
        "tie_word_embeddings",
        "share_encoder_decoder_embeddings",
        "static_position_embeddings",
        "add_final_layer_norm",
        "quantization_config",
        "hidden_size",
    ],
)
def test_null_says_nothing(copy: Path, name: str) -> None:
    expected = imported(copy).transformer.config
    tiny.change_config(copy, **{name: None})

    assert imported(copy).transformer.config == expected


def test_settings_of_2020_are_taken(copy: Path) -> None:
    expected = imported(copy).transformer.config
    tiny.change_config(copy, **OF_2020)
    (copy / "generation_config.json").unlink()

    model = imported(copy)

    assert model.transformer.config == expected
    assert model.suppressed_ids == (264,)
    assert model.max_decoding_length == 63


def test_names_that_transformers_takes_for_others_are_taken(copy: Path) -> None:
    expected = imported(copy).transformer.config
    rename(
        copy,
        d_model="hidden_size",
        encoder_layers="num_hidden_layers",
        encoder_attention_heads="num_attention_heads",
    )

    assert imported(copy).transformer.config == expected


def test_two_names_for_one_thing_must_agree(copy: Path) -> None:
    tiny.change_config(copy, hidden_size=64, num_hidden_layers=6)

    message = refusal(copy)

    assert "d_model is 32 and hidden_size, which is the same, 64" in message
    assert "encoder_layers is 2 and num_hidden_layers, which is the same, 6" in message


def test_a_list_of_one_end_token_is_that_token(copy: Path) -> None:
    tiny.change_config(copy, eos_token_id=[0])
    change_generation(copy, eos_token_id=[0])

    assert imported(copy).end_id == 0


def test_several_end_tokens_are_refused(copy: Path) -> None:
    tiny.change_config(copy, eos_token_id=[0, 5])
    change_generation(copy, eos_token_id=[0, 5])

    assert "eos_token_id is [0, 5]; a whole number is needed" in refusal(copy)


def test_a_special_token_may_be_in_either_file_but_not_different(copy: Path) -> None:
    tiny.change_config(copy, decoder_start_token_id=None)
    assert imported(copy).decoder_start_id == 264

    tiny.change_config(copy, decoder_start_token_id=3, pad_token_id=4)
    message = refusal(copy)
    assert "decoder_start_token_id is 3 in config.json and 264 in generation_config" in message
    assert "pad_token_id is 4 in config.json and 264 in generation_config" in message


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"encoder_layers": 0}, "encoder_layers is 0; a whole number from 1"),
        ({"decoder_layers": True}, "decoder_layers is True; a whole number from 1"),
        ({"d_model": 32.0}, "d_model is 32.0; a whole number from 1"),
        ({"decoder_attention_heads": -4}, "decoder_attention_heads is -4; a whole number from 1"),
        ({"vocab_size": "265"}, "vocab_size is '265'; a whole number from 1"),
        ({"scale_embedding": "yes"}, "scale_embedding is 'yes'; true or false"),
        ({"activation_function": ["relu"]}, "activation_function is ['relu']; known are"),
        ({"max_position_embeddings": 10**6}, "max_position_embeddings is 1000000; 65536 is"),
        ({"max_position_embeddings": 10**9}, "max_position_embeddings is 1000000000; a whole"),
        ({"tie_word_embeddings": "no"}, "tie_word_embeddings is 'no'; true or false is needed"),
        ({"decoder_vocab_size": 7}, "decoder_vocab_size differs from vocab_size, though"),
        ({"quantization_config": {"bits": 4}}, "quantised weights are not supported"),
        ({"encoder_layers": 2**24}, "encoder_layers is 16777216; the weights have 2 layers"),
        ({"encoder_layers": 1}, "encoder_layers is 1; the weights have 2 layers"),
        ({"d_model": 2**20}, "; the weights have "),
        ({"encoder_ffn_dim": 2**24}, "; the weights have "),
        ({"vocab_size": 2**24, "decoder_vocab_size": None}, "; the weights have "),
        ({"d_model": 2**24, "max_position_embeddings": 65_536}, "; the weights have "),
        ({"vocab_size": 10**20}, "vocab_size is 100000000000000000000; a whole number"),
    ],
)
def test_a_setting_that_cannot_be_is_named(
    copy: Path, settings: dict[str, object], message: str
) -> None:
    tiny.change_config(copy, **settings)

    assert message in refusal(copy)


@pytest.mark.parametrize("words", [[["a"]], [[1.5]], [[True]], [3], [[]], "x", [[[3]]], {"0": [3]}])
def test_bad_words_that_are_no_tokens_are_refused(copy: Path, words: object) -> None:
    change_generation(copy, bad_words_ids=words)

    assert "a list of lists of tokens is needed" in refusal(copy)


def test_generation_settings_alone_say_what_is_a_bad_word(copy: Path) -> None:
    """As in transformers; where there are none, config.json says it."""
    tiny.change_config(copy, bad_words_ids=[[5]])
    assert imported(copy).suppressed_ids == (264,)

    (copy / "generation_config.json").write_text('{"max_length": 24}')
    assert imported(copy).suppressed_ids == ()

    (copy / "generation_config.json").unlink()
    assert imported(copy).suppressed_ids == (5,)


@pytest.mark.parametrize("length", [-1, 0, "512", [512], True, 1.5])
def test_a_length_that_cannot_be_is_refused(copy: Path, length: object) -> None:
    change_generation(copy, max_length=length)

    assert f"max_length is {length!r}; a whole number from 1" in refusal(copy)


def test_the_end_token_is_never_a_bad_word(copy: Path) -> None:
    """As in `generate`: a translation would never end."""
    change_generation(copy, bad_words_ids=[[0], [264]])

    assert imported(copy).suppressed_ids == (264,)


@pytest.mark.parametrize("language", [5, ["en"], {"code": "en"}, True])
def test_a_language_that_is_no_text_is_refused(copy: Path, language: object) -> None:
    (copy / "tokenizer_config.json").write_text(json.dumps({"source_lang": language}))

    assert f"source_lang is {language!r} in tokenizer_config.json" in refusal(copy)
