"""What of fairseq's checkpoints is refused, and how it is told."""

import argparse
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from dragoman_export.errors import CheckpointError
from dragoman_export.families import import_model
from dragoman_export.families.fairseq_files import (
    read_dictionary,
    read_merges,
    read_state,
    with_word_ends,
)
from dragoman_export.families.fairseq_languages import (
    added_tokens,
    find_told,
    read_dictionaries,
    with_added,
)
from dragoman_export.families.fairseq_settings import problems_of, with_defaults

GOOD = {"arch": "transformer", "task": "translation", "source_lang": "en", "target_lang": "de"}


class NotPlain:
    """A class that nobody allows."""


def refusal(call: Callable[[], object]) -> str:
    with pytest.raises(CheckpointError) as caught:
        call()
    return str(caught.value)


def folder(path: Path, state: Any) -> Path:
    torch.save(state, path / "model.pt")
    for language in ("en", "de"):
        (path / f"dict.{language}.txt").write_text("a@@ 3\nb 2\n")
    (path / "bpecodes").write_text("#version: 0.2\na b</w>\n")
    return path


def test_a_dictionary_counts_from_four_and_what_is_overwritten_counts_on(tmp_path: Path) -> None:
    file = tmp_path / "dict.en.txt"
    file.write_text("a@@ 3\nb 2\na@@ 1 #fairseq:overwrite\nmadeupword0000 0\n")
    ids = read_dictionary(file)
    special = {"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3}
    assert ids == special | {"a@@": 6, "b": 5, "madeupword0000": 7}
    assert with_word_ends(ids)["a"] == 6
    assert with_word_ends(ids)["b</w>"] == 5
    assert with_word_ends(ids)["</s>"] == 2


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("a 3\nb\n", "line 2 is 'b'; a piece and its count needed"),
        ("a x\n", "line 1 is 'a x'; a piece and its count needed"),
        ("a 3\na 2\n", "line 2 has 'a' once more"),
        ("</s> 3\n", "line 1 has '</s>' once more"),
    ],
)
def test_a_damaged_dictionary_is_refused(tmp_path: Path, content: str, told: str) -> None:
    file = tmp_path / "dict.en.txt"
    file.write_text(content)
    assert told in refusal(lambda: read_dictionary(file))


def test_codes_lose_their_version_their_counts_and_what_is_there_twice(tmp_path: Path) -> None:
    file = tmp_path / "bpecodes"
    file.write_text("#version: 0.2\na b\nc d</w> 12\na b\n")
    assert read_merges(file) == "a b\nc d</w>\n"
    file.write_text("a b\nb </w>\n")
    assert "is of subword-nmt's format 0.1" in refusal(lambda: read_merges(file))


def test_what_needs_more_than_plain_containers_is_not_loaded_and_how_to_convert_it_told(
    tmp_path: Path,
) -> None:
    own = argparse.Namespace(_name="transformer", encoder_layers=3, odd=NotPlain())
    task = {"_name": "translation", "source_lang": "en"}
    state = {"args": None, "cfg": {"task": task, "model": own}, "model": {"x": torch.ones(1)}}
    torch.save(state, tmp_path / "model.pt")
    told = refusal(lambda: read_state(tmp_path / "model.pt"))
    assert "more than tensors and plain settings" in told
    script = textwrap.dedent("\n".join(told.splitlines()[1:]))
    for name in ("model.pt", "converted.pt"):
        script = script.replace(f'"{name}"', repr(str(tmp_path / name)))
    exec(script, {})  # what a user is told to do must work
    converted = read_state(tmp_path / "converted.pt")
    named = {"task": "translation", "arch": "transformer", "_name": "transformer"}
    assert converted.settings == named | {"source_lang": "en", "encoder_layers": 3}
    assert list(converted.tensors) == ["x"]


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ({"model": {"a": torch.ones(1)}}, "it has no args and no cfg"),
        ({"args": argparse.Namespace(a=1)}, "it has no model"),
        ([1], "it has no model"),
        ({"args": {"a": 1}, "model": {"a": torch.tensor([torch.nan])}}, "a holds NaN or infinity"),
        ({"args": {"a": 1}, "model": {"a": torch.ones(1).to_sparse()}}, "a holds no plain values"),
    ],
)
def test_what_is_no_checkpoint_of_fairseq_is_refused(
    tmp_path: Path, state: object, told: str
) -> None:
    assert told in refusal(lambda: import_model(folder(tmp_path, state)))


def test_a_damaged_file_is_told_to_be(tmp_path: Path) -> None:
    folder(tmp_path, {})
    (tmp_path / "model.pt").write_bytes(b"PK\3\4nothing")
    assert "it is damaged" in refusal(lambda: import_model(tmp_path))
    (tmp_path / "model.pt").write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    assert "run git lfs pull there" in refusal(lambda: import_model(tmp_path))


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("task", "multilingual_translation"),
        ("task", "translation_moe"),
        ("arch", "fconv_wmt_en_de"),
        ("arch", "transformer_lm_big"),
        ("adaptive_softmax_cutoff", "1000,2000"),
        ("no_cross_attention", True),
        ("cross_self_attention", True),
        ("no_token_positional_embeddings", True),
        ("quant_noise_pq", 0.1),
        ("moe_freq", 2),
        ("lang_tok_style", "multilingual"),
        ("no_decoder_final_norm", True),
        ("decoder_output_dim", 100),
        ("decoder_embed_dim", 256),
        ("decoder_normalize_before", True),
        ("encoder_attention_heads", 7),
        ("encoder_layers", "6"),
        ("max_source_positions", 10**9),
        ("activation_fn", "gelu_accurate"),
        ("layernorm_embedding", "yes"),
        ("source_lang", None),
        ("target_lang", "../de"),
    ],
)
def test_a_setting_that_makes_another_model_is_refused_by_name(setting: str, value: object) -> None:
    assert [*problems_of(with_defaults(GOOD))] == []
    (problem,) = [
        each for each in problems_of(with_defaults(GOOD | {setting: value})) if setting in each
    ][:1]
    assert f"{value!r}" in problem or f"{value}" in problem


MULTI = {
    "arch": "transformer",
    "task": "translation_multi_simple_epoch",
    "lang_pairs": "en-de,de-en",
    "decoder_langtok": True,
}
BART = {
    "arch": "mbart_large",
    "task": "translation_from_pretrained_bart",
    "source_lang": "en_XX",
    "target_lang": "de_DE",
    "langs": "en_XX,de_DE",
}


@pytest.mark.parametrize(
    ("task", "settings", "told"),
    [
        (MULTI, {"lang_tok_style": "other"}, "lang_tok_style is 'other'; known are multilingual"),
        (MULTI, {"lang_tok_replacing_bos_eos": True}, "lang_tok_replacing_bos_eos is set; only"),
        (MULTI, {"lang_pairs": None}, "lang_pairs is None; pairs such as en-de,de-en are needed"),
        (MULTI, {"lang_pairs": "en"}, "lang_pairs is 'en'; pairs"),
        (MULTI, {"langtoks": {"main": ("src.dae", "tgt")}}, "main are 'src.dae' and 'tgt'; src"),
        (MULTI, {"langtoks": {"main": (["src"], None)}}, r"main are ['src'] and None; src, tgt"),
        (MULTI, {"langtoks": {"main": "src"}}, "main are 'src' and 'src'; src, tgt or none"),
        (MULTI, {"decoder_langtok": False, "encoder_langtok": "src"}, "translates into de, en and"),
        (BART, {"langs": None}, "langs is None; the languages of the model are needed"),
        (BART, {"prepend_bos": True}, "prepend_bos is True, which is not supported"),
        (BART, {"target_lang": None}, "target_lang is None; a language is needed"),
    ],
)
def test_what_a_multilingual_task_cannot_be_told_is_refused_by_name(
    task: dict[str, object], settings: dict[str, object], told: str
) -> None:
    assert [*problems_of(with_defaults(task))] == []
    assert told in next(problems_of(with_defaults({**task, **settings})))


def test_tokens_of_languages_come_after_a_dictionary_in_their_order(tmp_path: Path) -> None:
    assert with_added({"a": 4, "__en__": 5}, ["__de__", "__en__"])["__de__"] == 6
    assert added_tokens(MULTI, tmp_path) == ["__de__", "__en__"]  # nobody says in which
    (tmp_path / "langs.txt").write_text("fr\nen\n\nde\n")
    named = {"lang_dict": "/elsewhere/langs.txt", "langtoks_specs": "main,mono_dae,mined"}
    added = added_tokens({**MULTI, **named, "extra_data": {"mono_dae": "x"}}, tmp_path)
    kinds = [f"__{name}{kind}__" for kind in ("", "_dae", "_mined") for name in ("fr", "en", "de")]
    assert added == [*kinds, "<mask>"]
    assert added_tokens(BART, tmp_path) == ["[en_XX]", "[de_DE]", "<mask>"]


def test_languages_of_a_side_have_one_dictionary(tmp_path: Path) -> None:
    settings = {**MULTI, "lang_pairs": "en-de,fr-de"}
    assert "looked for are dict.en.txt, dict.fr.txt, dict.txt" in refusal(
        lambda: read_dictionaries(settings, tmp_path)
    )
    for language in ("en", "de", "fr"):
        (tmp_path / f"dict.{language}.txt").write_text("a 3\n")
    assert read_dictionaries(settings, tmp_path)[0]["a"] == 4
    (tmp_path / "dict.fr.txt").write_text("b 3\n")
    told = refusal(lambda: read_dictionaries(settings, tmp_path))
    assert "dict.fr.txt differs from dict.en.txt; all languages of a side" in told


def test_a_language_without_a_token_is_named() -> None:
    settings = {**BART, "langs": "en_XX"}
    ids = with_added({"a": 4}, ["[en_XX]"])
    assert "has no [de_DE]" in refusal(lambda: find_told(settings, [], ids, ids))


def test_words_of_many_languages_are_sentencepiece_s(tmp_path: Path) -> None:
    told = refusal(
        lambda: import_model(folder(tmp_path, {"args": argparse.Namespace(**MULTI), "model": {}}))
    )
    assert "of multilingual tasks only sentencepiece is supported" in told


def test_lists_and_pairs_survive_what_a_user_is_told_to_do(tmp_path: Path) -> None:
    own = argparse.Namespace(**MULTI, langtoks={"main": ("src", "tgt")}, odd=NotPlain())
    torch.save({"args": own, "model": {"x": torch.ones(1)}}, tmp_path / "model.pt")
    told = refusal(lambda: read_state(tmp_path / "model.pt"))
    script = textwrap.dedent("\n".join(told.splitlines()[1:]))
    for name in ("model.pt", "converted.pt"):
        script = script.replace(f'"{name}"', repr(str(tmp_path / name)))
    exec(script, {})
    converted = read_state(tmp_path / "converted.pt").settings
    assert converted["langtoks"] == {"main": ["src", "tgt"]}
    assert [*problems_of(with_defaults(converted))] == []


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    args = argparse.Namespace(**GOOD, adaptive_input=True, moe_freq=2)
    told = refusal(lambda: import_model(folder(tmp_path, {"args": args, "model": {}})))
    assert "adaptive_input is True" in told
    assert "moe_freq is 2" in told


def test_weights_that_are_missing_or_too_many_are_named(tmp_path: Path) -> None:
    dims = dict.fromkeys(("encoder_embed_dim", "encoder_ffn_embed_dim"), 8)
    args = argparse.Namespace(**GOOD | dims)
    layer = {"encoder.layers.0.fc3.weight": torch.ones(8, 8)}
    told = refusal(lambda: import_model(folder(tmp_path, {"args": args, "model": layer})))
    assert "encoder_layers is 6; the weights have 1 layers in the encoder" in told


@pytest.mark.parametrize("files", [(), ("bpecodes", "sentencepiece.bpe.model")])
def test_one_way_to_cut_words_is_needed(tmp_path: Path, files: tuple[str, ...]) -> None:
    folder(tmp_path, {"args": argparse.Namespace(**GOOD), "model": {}})
    (tmp_path / "bpecodes").unlink()
    for name in files:
        (tmp_path / name).write_text("")
    told = refusal(lambda: import_model(tmp_path))
    assert f"has {len(files)} of bpecodes" in told


def test_a_dictionary_that_is_missing_is_named(tmp_path: Path) -> None:
    folder(tmp_path, {"args": argparse.Namespace(**GOOD), "model": {}})
    (tmp_path / "dict.de.txt").unlink()
    assert "dict.de.txt" in refusal(lambda: import_model(tmp_path))
