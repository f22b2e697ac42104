"""Makes tiny checkpoints of fairseq, of its older and its newer files, trained for a moment."""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import sentencepiece
import torch
from torch import Tensor

from dragoman.tokenizer.subwords import END_OF_WORD, Merges
from tests.export import tiny
from tests.export.corpus import Corpus
from tests.export.subwords import (
    END_ID,
    TOY,
    UNKNOWN_ID,
    doubled,
    pieces_of,
    train_merges,
    words,
)
from tests.families.plain_fairseq import PlainFairseq

LANGUAGES = ("en", "de")

ARGS: Mapping[str, Any] = {
    "arch": "transformer",
    "task": "translation",
    "source_lang": "en",
    "target_lang": "de",
    "encoder_embed_dim": 32,
    "decoder_embed_dim": 32,
    "encoder_ffn_embed_dim": 48,
    "decoder_ffn_embed_dim": 64,
    "encoder_layers": 2,
    "decoder_layers": 1,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 4,
    "encoder_normalize_before": False,
    "decoder_normalize_before": False,
    "encoder_learned_pos": False,
    "decoder_learned_pos": False,
    "max_source_positions": 90,
    "max_target_positions": 80,
    "share_all_embeddings": False,
    "share_decoder_input_output_embed": True,
    "no_scale_embedding": False,
    "layernorm_embedding": False,
    "activation_fn": "relu",
    "adaptive_softmax_cutoff": None,
    "encoder_layerdrop": 0,
}


class Kind(NamedTuple):
    """What is unlike in a checkpoint."""

    args: Mapping[str, Any]
    is_old: bool
    """Whether names and settings are those of 2018, else those of 2022."""
    has_codes: bool
    """Whether words are Moses', else sentencepiece's."""


Example = tuple[list[int], list[int], list[int]]
"""Tokens of a source with all around them, what its translation begins with, and its translation
without an end."""

KINDS = {
    "2018": Kind({}, is_old=True, has_codes=True),
    "2022": Kind(
        {
            "encoder_normalize_before": True,
            "decoder_normalize_before": True,
            "encoder_learned_pos": True,
            "decoder_learned_pos": True,
            "share_all_embeddings": True,
            "no_scale_embedding": True,
            "layernorm_embedding": True,
            "activation_fn": "gelu",
        },
        is_old=False,
        has_codes=False,
    ),
}


def make_checkpoint(path: Path, kind: Kind, corpus: Corpus = TOY) -> Path:
    """Writes it, and beside it `plain.pt`, its tensors under the names of today."""
    path.mkdir()
    args = {**ARGS, **kind.args}
    sides = _write_codes(path, corpus) if kind.has_codes else _write_pieces(path, corpus)
    shown = [doubled(texts) if corpus is TOY else texts for texts in corpus[:2]]
    pairs = list(zip(*shown, strict=True))
    examples = [(sides[0](source), sides[1](target)) for source, target in pairs]
    sizes = [4 + _lines(path / f"dict.{language}.txt") for language in LANGUAGES]
    told = [([*source, END_ID], [END_ID], target) for source, target in examples]
    tensors = train(args, sizes, told, corpus.steps_of(300), corpus.rate_of(4e-3))
    torch.save({"args": args, "model": tensors}, path / "plain.pt")
    torch.save(_old(args, tensors) if kind.is_old else _new(args, tensors), path / "model.pt")
    return path


def _lines(path: Path) -> int:
    return len(path.read_text().splitlines())


def _write_codes(path: Path, corpus: Corpus) -> list[Any]:
    """Codes of subword-nmt and a dictionary of each side."""
    merges = train_merges(corpus.texts, corpus.size(260))
    (path / "bpecodes").write_text("\n".join(["#version: 0.2", *merges, merges[0], ""]))
    cutter = Merges(tuple(line.split()) for line in merges)
    sides = []
    for language in LANGUAGES:
        texts = corpus.of(language)
        pieces = [*pieces_of(merges, texts), "madeupword0000", "madeupword0001"]
        spelled = [_spelled(piece) for piece in pieces]
        lines = [f"{piece} {900 - i}" for i, piece in enumerate(spelled)]
        lines.insert(3, f"{spelled[0]} 1 #fairseq:overwrite")
        (path / f"dict.{language}.txt").write_text("\n".join([*lines, ""]))
        ids = {line.split(" ")[0]: 4 + i for i, line in enumerate(lines)}
        sides.append(
            lambda text, ids=ids, language=language: [
                ids.get(_spelled(piece), UNKNOWN_ID)
                for word in words(text, language)
                for piece in cutter.split(word)
            ]
        )
    return sides


def _spelled(piece: str) -> str:
    if piece.startswith("madeupword"):
        return piece
    return piece.removesuffix(END_OF_WORD) if piece.endswith(END_OF_WORD) else f"{piece}@@"


def _write_pieces(path: Path, corpus: Corpus) -> list[Any]:
    """A sentencepiece model, and one dictionary under two names."""
    trained = tiny.train_pieces(corpus.texts, vocab_size=corpus.size(200))
    (path / "sentencepiece.bpe.model").write_bytes(trained)
    model = sentencepiece.SentencePieceProcessor(model_proto=trained)
    pieces = tiny.pieces_of(trained)[::-1]
    for language in LANGUAGES:
        lines = [f"{piece} 1" for piece in pieces]
        (path / f"dict.{language}.txt").write_text("\n".join([*lines, ""]))
    ids = {piece: 4 + i for i, piece in enumerate(pieces)}
    side = lambda text: [ids.get(p, UNKNOWN_ID) for p in model.encode(text, out_type=str)]  # noqa: E731
    return [side, side]


def train(
    args: Mapping[str, Any],
    sizes: list[int],
    examples: list[Example],
    steps: int = 300,
    rate: float = 4e-3,
) -> dict[str, Tensor]:
    """A model of dictionaries of these sizes."""
    torch.manual_seed(5)
    tensors = _random(args, sizes)
    if args["share_all_embeddings"]:
        tensors["encoder.embed_tokens.weight"] = tensors["decoder.embed_tokens.weight"]
    model = PlainFairseq(args, tensors)
    optimizer = torch.optim.Adam(
        {id(each): each for each in tensors.values()}.values(), lr=rate, foreach=True
    )
    for step in range(steps):
        source, begin, target = examples[step % len(examples)]
        logits = model.logits(source, [*begin, *target])[len(begin) - 1 :]
        loss = torch.nn.functional.cross_entropy(logits, torch.tensor([*target, END_ID]))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call] # torch has no types for it
        optimizer.step()
    return {name: each.detach().clone() for name, each in tensors.items()}


def _random(args: Mapping[str, Any], sizes: list[int]) -> dict[str, Tensor]:
    """Under today's names."""
    dim = args["encoder_embed_dim"]
    shapes: dict[str, tuple[int, ...]] = {}
    norms = []
    for side, size in zip(("encoder", "decoder"), sizes, strict=True):
        shapes[f"{side}.embed_tokens.weight"] = (size, dim)
        if args[f"{side}_learned_pos"]:
            longest = args["max_source_positions" if side == "encoder" else "max_target_positions"]
            shapes[f"{side}.embed_positions.weight"] = (longest + 2, dim)
        norms += [f"{side}.layernorm_embedding"] if args["layernorm_embedding"] else []
        norms += [f"{side}.layer_norm"] if args[f"{side}_normalize_before"] else []
        for index in range(args[f"{side}_layers"]):
            layer, hidden = f"{side}.layers.{index}", args[f"{side}_ffn_embed_dim"]
            attentions = ["self_attn", *(["encoder_attn"] if side == "decoder" else [])]
            linear = {f"{layer}.fc1": (hidden, dim), f"{layer}.fc2": (dim, hidden)}
            for attention in attentions:
                parts = ("q_proj", "k_proj", "v_proj", "out_proj")
                linear |= {f"{layer}.{attention}.{part}": (dim, dim) for part in parts}
                norms.append(f"{layer}.{attention}_layer_norm")
            norms.append(f"{layer}.final_layer_norm")
            shapes |= {f"{name}.weight": shape for name, shape in linear.items()}
            shapes |= {f"{name}.bias": shape[:1] for name, shape in linear.items()}
    tensors = {name: 0.15 * torch.randn(shape) for name, shape in shapes.items()}
    for norm in norms:
        tensors[f"{norm}.weight"] = 1 + 0.1 * torch.randn(dim)
        tensors[f"{norm}.bias"] = 0.1 * torch.randn(dim)
    return {name: tensor.requires_grad_() for name, tensor in tensors.items()}


def _old(args: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    """A Namespace of settings, projections in one, norms by number."""
    model: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        if ".k_proj." in name or ".v_proj." in name:
            continue
        if ".q_proj." in name:
            parts = [
                tensors[name.replace("q_proj", each)] for each in ("q_proj", "k_proj", "v_proj")
            ]
            model[name.replace("q_proj.", "in_proj_")] = torch.cat(parts)
            continue
        last = "1" if name.startswith("encoder") else "2"
        for norm, number in (("self_attn_layer_norm", "0"), ("final_layer_norm", last)):
            name = name.replace(f".{norm}.", f".layer_norms.{number}.")  # noqa: PLW2901
        model[name.replace(".encoder_attn_layer_norm.", ".layer_norms.1.")] = tensor
    for side in ("encoder", "decoder"):
        model[f"{side}.version"] = torch.tensor([2.0])
        model[f"{side}.embed_positions._float_tensor"] = torch.zeros(1)
    return {
        "args": argparse.Namespace(**args),
        "model": model,
        "optimizer_history": [{"criterion_name": "LabelSmoothedCrossEntropyCriterion"}],
        "extra_state": {"epoch": 3, "val_loss": 2.5},
    }


def _new(args: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    """`cfg` of plain dictionaries, the model's a Namespace; tied tensors under all their names."""
    task = {"_name": "translation", "source_lang": "en", "target_lang": "de"}
    names = {"arch", "task", "source_lang", "target_lang"}
    own = {name: value for name, value in args.items() if name not in names}
    model = {**tensors, "decoder.output_projection.weight": tensors["decoder.embed_tokens.weight"]}
    for side in ("encoder", "decoder"):
        model[f"{side}.version"] = torch.tensor([3.0])
    return {
        "args": None,
        "cfg": {"task": task, "model": argparse.Namespace(_name="transformer", **own)},
        "model": model,
    }
