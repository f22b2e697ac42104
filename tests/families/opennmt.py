"""Makes tiny checkpoints of OpenNMT-py and of Eole, trained for a moment."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import sentencepiece
import torch
from torch import Tensor

from tests.export import tiny
from tests.export.corpus import Corpus
from tests.export.subwords import TOY, doubled
from tests.families.opennmt_files import (
    DIM,
    HIDDEN,
    POSITIONS,
    SPECIAL,
    write_eole,
    write_safetensors,
    write_second,
    write_third,
)
from tests.families.plain_opennmt import EMBEDDING, LAYERS, TABLE, PlainOpenNMT

UNKNOWN_ID, START_ID, END_ID = 0, 2, 3

MODELS = ("source.model", "target.model")

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


def make_checkpoint(path: Path, kind: Kind, corpus: Corpus = TOY) -> Path:
    """Writes it, and beside it `plain.pth`: settings and tensors under OpenNMT-py's names.

    And source tokens by their ids, whose sentencepiece model is `plain.spm`.
    """
    path.mkdir()
    opt = {**OPT, **kind.opt}
    vocabularies = _write_pieces(path, corpus, is_shared=opt["share_embeddings"])
    sides = []
    for tokens, name, texts in zip(vocabularies, MODELS, corpus[:2], strict=True):
        cutter = sentencepiece.SentencePieceProcessor(model_file=str(path / name))
        ids = {token: i for i, token in enumerate(tokens)}
        shown = doubled(texts) if corpus is TOY else texts
        sides.append(
            [[ids.get(p, UNKNOWN_ID) for p in cutter.encode(t, out_type=str)] for t in shown]
        )
    sizes, examples = [*map(len, vocabularies)], [*zip(*sides, strict=True)]
    tensors = _train(opt, sizes, examples, corpus.steps_of(240), corpus.rate_of(4e-3))
    plain = {"opt": opt, "model": tensors, "sources": vocabularies[0]}
    torch.save(plain, path / "plain.pth")
    shutil.copy(path / "source.model", path / "plain.spm")
    kind.write(path, opt, tensors, vocabularies)
    return path


def _write_pieces(path: Path, corpus: Corpus, *, is_shared: bool) -> list[list[str]]:
    """A sentencepiece model of each side, or one under two names; and vocabularies of them."""
    vocabularies = []
    for name, texts in zip(MODELS, corpus[:2], strict=True):
        read = corpus.texts if is_shared else texts
        trained = tiny.train_pieces(read, vocab_size=corpus.size(170 if is_shared else 140))
        (path / name).write_bytes(trained)
        pieces = tiny.pieces_of(trained)[::-1]
        vocabularies.append([*SPECIAL, *pieces, *(f"averyunlikelytoken{i}" for i in range(3))])
    return vocabularies


def _train(
    opt: Mapping[str, Any],
    sizes: Sequence[int],
    examples: Sequence[tuple[list[int], list[int]]],
    steps: int,
    rate: float,
) -> dict[str, Tensor]:
    torch.manual_seed(6)
    tensors = random_tensors(opt, sizes)
    model = PlainOpenNMT(opt, tensors)
    optimizer = torch.optim.Adam(
        {id(each): each for each in tensors.values()}.values(), lr=rate, foreach=True
    )
    for step in range(steps):
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


TIED: Mapping[str, Any] = {
    "share_embeddings": True,
    "share_decoder_embeddings": True,
    "layer_norm": "rms",
    "norm_eps": 1e-5,
    "add_qkvbias": False,
    "add_ffnbias": False,
}

KINDS = {
    "opennmt-3": Kind({}, write_third),
    "opennmt-3-tied": Kind(
        {**TIED, "pos_ffn_activation_fn": "silu", "position_encoding_type": "SinusoidalConcat"},
        write_safetensors,
    ),
    "opennmt-2": Kind({"pos_ffn_activation_fn": "gelu", "dec_layers": 2}, write_second),
    "eole": Kind({"enc_heads": 4, "dec_heads": 2, "norm_eps": 1e-5}, write_eole),
    "eole-tied": Kind(
        {**TIED, "pos_ffn_activation_fn": "gated-gelu", "position_encoding_type": "Learned"},
        write_eole,
    ),
}
