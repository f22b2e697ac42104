"""Makes tiny checkpoints of OpenNMT-py and of Eole, trained for a moment."""

import argparse
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import sentencepiece
import torch
from safetensors.torch import save_file
from torch import Tensor

from tests.export import tiny
from tests.export.subwords import SOURCE_TEXTS, TARGET_TEXTS, doubled
from tests.families.plain_opennmt import EMBEDDING, LAYERS, TABLE, PlainOpenNMT, sinusoids

SPECIAL = ("<unk>", "<blank>", "<s>", "</s>")
UNKNOWN_ID, START_ID, END_ID = 0, 2, 3

DIM, HIDDEN, POSITIONS = 32, 48, 112

OPT: Mapping[str, Any] = {
    "model_task": "seq2seq",
    "encoder_type": "transformer",
    "decoder_type": "transformer",
    "position_encoding": True,
    "position_encoding_type": "SinusoidalInterleaved",
    "enc_layers": 2,
    "dec_layers": 1,
    "layers": -1,
    "heads": 4,
    "hidden_size": DIM,
    "enc_hid_size": DIM,
    "dec_hid_size": DIM,
    "word_vec_size": DIM,
    "src_word_vec_size": DIM,
    "tgt_word_vec_size": DIM,
    "transformer_ff": HIDDEN,
    "pos_ffn_activation_fn": "relu",
    "layer_norm": "standard",
    "norm_eps": 1e-6,
    "add_qkvbias": True,
    "add_ffnbias": True,
    "max_relative_positions": 0,
    "num_kv": 0,
    "share_embeddings": False,
    "share_decoder_embeddings": False,
    "self_attn_type": "scaled-dot-flash",
    "transforms": ["sentencepiece", "filtertoolong"],
    "src_subword_model": "data/source.model",
    "tgt_subword_model": "data/target.model",
}


class Kind(NamedTuple):
    """What is unlike in a checkpoint."""

    opt: Mapping[str, Any]
    write: Callable[[Path, Mapping[str, Any], dict[str, Tensor], list[list[str]]], None]


def make_checkpoint(path: Path, kind: Kind) -> Path:
    """Writes it, and beside it `plain.pth`: settings and tensors under OpenNMT-py's names.

    And source tokens by their ids, whose sentencepiece model is `plain.spm`.
    """
    path.mkdir()
    opt = {**OPT, **kind.opt}
    vocabularies = _write_pieces(path, is_shared=opt["share_embeddings"])
    models = ("source.model", "target.model")
    sides = []
    for tokens, name in zip(vocabularies, models, strict=True):
        cutter = sentencepiece.SentencePieceProcessor(model_file=str(path / name))
        ids = {token: i for i, token in enumerate(tokens)}
        texts = doubled(SOURCE_TEXTS if name == models[0] else TARGET_TEXTS)
        sides.append(
            [[ids.get(p, UNKNOWN_ID) for p in cutter.encode(t, out_type=str)] for t in texts]
        )
    tensors = _train(opt, [*map(len, vocabularies)], [*zip(*sides, strict=True)])
    plain = {"opt": opt, "model": tensors, "sources": vocabularies[0]}
    torch.save(plain, path / "plain.pth")
    shutil.copy(path / "source.model", path / "plain.spm")
    kind.write(path, opt, tensors, vocabularies)
    return path


def _write_pieces(path: Path, *, is_shared: bool) -> list[list[str]]:
    """A sentencepiece model of each side, or one under two names; and vocabularies of them."""
    vocabularies = []
    for name, texts in (("source.model", SOURCE_TEXTS), ("target.model", TARGET_TEXTS)):
        read = [*SOURCE_TEXTS, *TARGET_TEXTS] if is_shared else texts
        trained = tiny.train_pieces(read, vocab_size=170 if is_shared else 140)
        (path / name).write_bytes(trained)
        pieces = tiny.pieces_of(trained)[::-1]
        vocabularies.append([*SPECIAL, *pieces, *(f"averyunlikelytoken{i}" for i in range(3))])
    return vocabularies


def _train(
    opt: Mapping[str, Any], sizes: Sequence[int], examples: Sequence[tuple[list[int], list[int]]]
) -> dict[str, Tensor]:
    torch.manual_seed(6)
    tensors = random_tensors(opt, sizes)
    model = PlainOpenNMT(opt, tensors)
    optimizer = torch.optim.Adam({id(each): each for each in tensors.values()}.values(), lr=4e-3)
    for step in range(300):
        source, target = examples[step % len(examples)]
        logits = model.logits(source, [START_ID, *target])
        loss = torch.nn.functional.cross_entropy(logits, torch.tensor([*target, END_ID]))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call] # torch has no types for it
        optimizer.step()
    return {name: each.detach().clone() for name, each in tensors.items()}


def random_tensors(opt: Mapping[str, Any], sizes: Sequence[int]) -> dict[str, Tensor]:
    shapes: dict[str, tuple[int, ...]] = {"generator.weight": (sizes[1], DIM)}
    biased, norms = {"generator": sizes[1]}, []
    gated = opt["pos_ffn_activation_fn"] in {"silu", "gated-gelu"}
    for side, size in zip(LAYERS, sizes, strict=True):
        shapes[EMBEDDING.format(side)] = (size, DIM)
        if opt["position_encoding_type"] == "Learned":
            shapes[TABLE.format(side)] = (POSITIONS, DIM)
        norms.append(f"{side}.layer_norm")
        for index in range(opt[f"{side[:3]}_layers"]):
            layer, is_decoder = f"{LAYERS[side]}.{index}", side == "decoder"
            for attention in ("self_attn", *(["context_attn"] if is_decoder else [])):
                for part in ("linear_query", "linear_keys", "linear_values", "final_linear"):
                    shapes[f"{layer}.{attention}.{part}.weight"] = (DIM, DIM)
                    biased |= {f"{layer}.{attention}.{part}": DIM} if opt["add_qkvbias"] else {}
            for part in ("w_1", *(["w_3"] if gated else [])):
                shapes[f"{layer}.feed_forward.{part}.weight"] = (HIDDEN, DIM)
                biased |= {f"{layer}.feed_forward.{part}": HIDDEN} if opt["add_ffnbias"] else {}
            shapes[f"{layer}.feed_forward.w_2.weight"] = (DIM, HIDDEN)
            biased |= {f"{layer}.feed_forward.w_2": DIM} if opt["add_ffnbias"] else {}
            own = ["layer_norm_1", "layer_norm_2"] if is_decoder else ["layer_norm"]
            norms += [f"{layer}.{norm}" for norm in (*own, "feed_forward.layer_norm")]
    shapes |= {f"{name}.bias": (size,) for name, size in biased.items()}
    tensors = {name: 0.2 * torch.randn(shape) for name, shape in shapes.items()}
    for norm in norms:
        tensors[f"{norm}.weight"] = 1 + 0.1 * torch.randn(DIM)
        if opt["layer_norm"] == "standard":
            tensors[f"{norm}.bias"] = 0.1 * torch.randn(DIM)
    tensors = {name: tensor.requires_grad_() for name, tensor in tensors.items()}
    sources, targets = (EMBEDDING.format(side) for side in LAYERS)
    if opt["share_embeddings"]:
        tensors[sources] = tensors[targets]
    if opt["share_decoder_embeddings"]:
        tensors["generator.weight"] = tensors[targets]
    return tensors


def with_tables(opt: Mapping[str, Any], tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """As the toolkits store them: with the sinusoids, for the batch in the middle."""
    if opt["position_encoding_type"] == "Learned":
        return tensors
    table = sinusoids(opt["position_encoding_type"], POSITIONS, DIM)[:, None]
    return {**tensors, **{TABLE.format(side): table for side in LAYERS}}


def _write_third(
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


def _write_safetensors(
    path: Path, opt: Mapping[str, Any], tensors: dict[str, Tensor], vocabularies: list[list[str]]
) -> None:
    """As version 3 does where it is told to; what is tied is there twice."""
    sources, targets = vocabularies
    vocab = {"src": sources, "tgt": targets, "data_task": "seq2seq"}
    torch.save({"vocab": vocab, "opt": argparse.Namespace(**opt)}, path / "step_300.pt")
    copies = {name: each.clone() for name, each in with_tables(opt, tensors).items()}
    save_file(copies, path / "step_300.safetensors")


def _write_second(
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


TIED: Mapping[str, Any] = {
    "share_embeddings": True,
    "share_decoder_embeddings": True,
    "layer_norm": "rms",
    "norm_eps": 1e-5,
    "add_qkvbias": False,
    "add_ffnbias": False,
}

KINDS = {
    "opennmt-3": Kind({}, _write_third),
    "opennmt-3-tied": Kind(
        {**TIED, "pos_ffn_activation_fn": "silu", "position_encoding_type": "SinusoidalConcat"},
        _write_safetensors,
    ),
    "opennmt-2": Kind({"pos_ffn_activation_fn": "gelu", "dec_layers": 2}, _write_second),
    "eole": Kind({"enc_heads": 4, "dec_heads": 2, "norm_eps": 1e-5}, write_eole),
    "eole-tied": Kind(
        {**TIED, "pos_ffn_activation_fn": "gated-gelu", "position_encoding_type": "Learned"},
        write_eole,
    ),
}
