"""Writes tiny models as OpenNMT-py's versions and Eole do."""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from tests.families.plain_opennmt import EMBEDDING, LAYERS, TABLE, sinusoids

SPECIAL = ("<unk>", "<blank>", "<s>", "</s>")

DIM, HIDDEN, POSITIONS = 32, 48, 256


def with_tables(opt: Mapping[str, Any], tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """As the toolkits store them: with the sinusoids, for the batch in the middle."""
    if opt["position_encoding_type"] == "Learned":
        return tensors
    table = sinusoids(opt["position_encoding_type"], POSITIONS, DIM)[:, None]
    return {**tensors, **{TABLE.format(side): table for side in LAYERS}}


def write_third(
    path: Path, opt: Mapping[str, Any], tensors: dict[str, Tensor], vocabularies: list[list[str]]
) -> None:
    """As version 3 does: the generator apart, training's state beside it."""
    all_tensors = with_tables(opt, tensors)
    generator = {
        name.removeprefix("generator."): all_tensors.pop(name)
        for name in ("generator.weight", "generator.bias")
    }
    sources, targets = vocabularies
    vocab = {"src": sources, "tgt": targets, "data_task": "seq2seq", "decoder_start_token": "<s>"}
    state = {"model": all_tensors, "generator": generator, "vocab": vocab}
    own = argparse.Namespace(**opt, _all_transform={"sentencepiece"}, seed=1)
    torch.save({**state, "opt": own, "optim": {"training_step": 300}}, path / "step_300.pt")


def write_safetensors(
    path: Path, opt: Mapping[str, Any], tensors: dict[str, Tensor], vocabularies: list[list[str]]
) -> None:
    """As version 3 does where it is told to; what is tied is there twice."""
    sources, targets = vocabularies
    vocab = {"src": sources, "tgt": targets, "data_task": "seq2seq"}
    torch.save({"vocab": vocab, "opt": argparse.Namespace(**opt)}, path / "step_300.pt")
    copies = {name: each.clone() for name, each in with_tables(opt, tensors).items()}
    save_file(copies, path / "step_300.safetensors")


def write_second(
    path: Path, opt: Mapping[str, Any], tensors: dict[str, Tensor], vocabularies: list[list[str]]
) -> None:
    """As version 2 did, converted as the error says: sources have neither <s> nor </s>."""
    all_tensors = with_tables(opt, tensors)
    generator = {f"0.{part}": all_tensors.pop(f"generator.{part}") for part in ("weight", "bias")}
    sources, targets = vocabularies
    embedding = EMBEDDING.format("encoder")
    kept = [i for i, token in enumerate(sources) if token not in {"<s>", "</s>"}]
    all_tensors[embedding] = all_tensors[embedding][kept]
    said = {
        "encoder_type": "transformer",
        "decoder_type": "transformer",
        "position_encoding": True,
        "rnn_size": DIM,
        "word_vec_size": DIM,
        "layers": opt["enc_layers"],
        "heads": opt["heads"],
        "transformer_ff": HIDDEN,
        "pos_ffn_activation_fn": opt["pos_ffn_activation_fn"],
    }
    vocab = {"src": [sources[i] for i in kept], "tgt": targets, "src_feats": []}
    state = {"model": all_tensors, "generator": generator, "vocab": vocab, "opt": said}
    torch.save(state, path / "converted.pt")
    (path / "source.model").rename(path / "source.spm")
    (path / "target.model").rename(path / "target.spm")


EOLE_PARTS = {
    "encoder.transformer.": "encoder.transformer_layers.",
    ".feed_forward.layer_norm.": ".post_attention_layernorm.",
    ".feed_forward.w_1.": ".mlp.gate_up_proj.",
    ".feed_forward.w_2.": ".mlp.down_proj.",
    ".feed_forward.w_3.": ".mlp.up_proj.",
    ".layer_norm_1.": ".input_layernorm.",
    ".layer_norm_2.": ".precontext_layernorm.",
    "encoder.embeddings.make_embedding.emb_luts.0.": "src_emb.embeddings.",
    "decoder.embeddings.make_embedding.emb_luts.0.": "tgt_emb.embeddings.",
}


def _eole_name(name: str, *, is_learned: bool) -> str:
    for side, ours in (("encoder", "src_emb"), ("decoder", "tgt_emb")):
        if name == TABLE.format(side):
            return f"{ours}.pe.weight" if is_learned else f"{ours}.pe.pe"
    if name.startswith("encoder.transformer."):
        name = name.replace(".layer_norm.", ".input_layernorm.")
        name = name.replace("feed_forward.input_layernorm.", "feed_forward.layer_norm.")
    for part, ours in EOLE_PARTS.items():
        name = name.replace(part, ours)
    return name


def write_eole(
    path: Path, opt: Mapping[str, Any], tensors: dict[str, Tensor], vocabularies: list[list[str]]
) -> None:
    is_learned = opt["position_encoding_type"] == "Learned"
    named = {
        _eole_name(name, is_learned=is_learned): each.clone()
        for name, each in with_tables(opt, tensors).items()
    }
    for index in range(opt["dec_layers"]):
        named[f"decoder.transformer_layers.{index}.layer_scalar"] = torch.ones(1)
    if opt["share_embeddings"]:
        del named["tgt_emb.embeddings.weight"]
    if opt["share_decoder_embeddings"]:
        del named["generator.weight"]
    save_file(named, path / "model.00.safetensors")
    sources, targets = vocabularies
    specials = dict(zip(("unk_token", "pad_token", "bos_token", "eos_token"), SPECIAL, strict=True))
    vocab = {"src": sources, "tgt": targets, "decoder_start_token": "<s>", "specials": specials}
    (path / "vocab.json").write_text(json.dumps(vocab))
    (path / "config.json").write_text(json.dumps(eole_config(opt)))


def eole_config(opt: Mapping[str, Any]) -> dict[str, Any]:
    """As Eole writes it: what is said of the model is said of its parts, in part."""
    kind = opt["position_encoding_type"]
    embeddings = {"word_vec_size": DIM, "position_encoding_type": kind}
    embeddings |= {"n_positions": POSITIONS} if kind == "Learned" else {}
    names = {"src_subword_model": "source.model", "tgt_subword_model": "target.model"}
    return {
        "transforms": ["sentencepiece", "filtertoolong"],
        "transforms_configs": {
            "sentencepiece": {key: f"${{MODEL_PATH}}/{name}" for key, name in names.items()}
        },
        "data": {"corpus_1": {"path_src": "src.txt", "transforms": ["sentencepiece"]}},
        "training": {"train_steps": 300},
        "model": {
            "architecture": "transformer",
            "hidden_size": DIM,
            "transformer_ff": HIDDEN,
            "norm_eps": opt["norm_eps"],
            "layer_norm": opt["layer_norm"],
            "mlp_activation_fn": opt["pos_ffn_activation_fn"],
            "share_embeddings": opt["share_embeddings"],
            "share_decoder_embeddings": opt["share_decoder_embeddings"],
            "add_qkvbias": opt["add_qkvbias"],
            "add_ffnbias": opt["add_ffnbias"],
            "embeddings": embeddings,
            "encoder": {
                "encoder_type": "transformer",
                "layers": opt["enc_layers"],
                "heads": opt.get("enc_heads", opt["heads"]),
                "n_positions": None,
            },
            "decoder": {
                "decoder_type": "transformer",
                "layers": opt["dec_layers"],
                "heads": opt.get("dec_heads", opt["heads"]),
                "with_cross_attn": True,
            },
        },
    }
