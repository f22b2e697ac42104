"""Makes tiny models as Marian writes them, trained for a moment."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import sentencepiece
import torch
import yaml
from torch import Tensor

from dragoman.tokenizer.subwords import END_OF_WORD, Merges
from tests.export import tiny
from tests.export.corpus import Corpus
from tests.export.subwords import (
    TOY,
    doubled,
    pieces_of,
    train_merges,
    words,
)
from tests.families.plain_marian import PlainMarian

END_ID, UNKNOWN_ID = 0, 1

DIM = 32

LANGUAGES = ("en", "de")

SETTINGS: Mapping[str, Any] = {
    "type": "transformer",
    "version": "v1.12.0",
    "dim-emb": DIM,
    "enc-depth": 2,
    "dec-depth": 2,
    "dec-cell": "ssru",
    "layer-normalization": False,
    "right-left": False,
    "input-types": [],
    "lemma-dim-emb": 0,
    "output-omit-bias": False,
    "transformer-heads": 4,
    "transformer-no-projection": False,
    "transformer-rnn-projection": False,
    "transformer-dim-ffn": 48,
    "transformer-decoder-dim-ffn": 64,
    "transformer-ffn-depth": 2,
    "transformer-decoder-ffn-depth": 0,
    "transformer-ffn-activation": "relu",
    "transformer-preprocess": "",
    "transformer-postprocess": "dan",
    "transformer-postprocess-emb": "d",
    "transformer-postprocess-top": "",
    "transformer-decoder-autoreg": "self-attention",
    "transformer-tied-layers": [],
    "transformer-train-position-embeddings": False,
    "transformer-pool": False,
    "tied-embeddings-all": False,
}

Ids = Callable[[str], list[int]]


class Vocabularies(NamedTuple):
    """How texts become tokens, and tokens texts, of each side."""

    sizes: tuple[int, int]
    sides: tuple[Ids, Ids]


class Kind(NamedTuple):
    """What is unlike in a model."""

    settings: Mapping[str, Any]
    vocabularies: Callable[[Path, Corpus], Vocabularies]
    is_tied: bool = False
    """Whether all embeddings are one."""
    is_legacy: bool = False
    """Whether the output projection is stored as older releases did."""


def one_model(path: Path, corpus: Corpus) -> Vocabularies:
    """One sentencepiece model for both."""
    side, size = _write_model(path / "vocab.ende.spm", corpus.texts, corpus.size(200))
    return Vocabularies((size, size), (side, side))


def two_models(path: Path, corpus: Corpus) -> Vocabularies:
    """A sentencepiece model for each, where the machine that trained them had them."""
    sides = [
        _write_model(path / f"vocab.{language}.spm", corpus.of(language), corpus.size(150))
        for language in LANGUAGES
    ]
    told = {"vocabs": ["/data/train/vocab.en.spm", "/data/train/vocab.de.spm"]}
    (path / "model.npz.decoder.yml").write_text(yaml.safe_dump(told))
    return Vocabularies((sides[0][1], sides[1][1]), (sides[0][0], sides[1][0]))


def list_of_pieces(path: Path, corpus: Corpus) -> Vocabularies:
    """A list of the pieces of two sentencepiece models, as OPUS-MT has them."""
    models = [
        tiny.train_pieces(corpus.of(language), vocab_size=corpus.size(150))
        for language in LANGUAGES
    ]
    pieces = dict.fromkeys(piece for model in models for piece in tiny.pieces_of(model))
    named = [piece for piece in pieces if piece not in ("<s>", "</s>", "<unk>")]
    ids = {piece: i for i, piece in enumerate(["</s>", "<unk>", *named, ">>de<<"])}
    (path / "opus.vocab.yml").write_text(yaml.safe_dump(ids, allow_unicode=True))
    sides = []
    for name, model in zip(("source.spm", "target.spm"), models, strict=True):
        (path / name).write_bytes(model)
        cutter = sentencepiece.SentencePieceProcessor(model_proto=model)
        sides.append(
            lambda text, cutter=cutter: [
                ids.get(piece, UNKNOWN_ID) for piece in cutter.encode(text, out_type=str)
            ]
        )
    return Vocabularies((len(ids), len(ids)), (sides[0], sides[1]))


def codes(path: Path, corpus: Corpus) -> Vocabularies:
    """Words of Moses, subword-nmt's codes, a list for each."""
    merges = train_merges(corpus.texts, corpus.size(260))
    (path / "bpe.codes").write_text("\n".join(["#version: 0.2", *merges, ""]))
    cutter = Merges(tuple(line.split()) for line in merges)
    sides, sizes = [], []
    for language in LANGUAGES:
        pieces = ["</s>", "<unk>", *map(_spelled, pieces_of(merges, corpus.of(language)))]
        ids = {piece: i for i, piece in enumerate(pieces)}
        (path / f"vocab.{language}.yml").write_text(yaml.safe_dump(ids, allow_unicode=True))
        sizes.append(len(ids))
        sides.append(
            lambda text, ids=ids, language=language: [
                ids.get(_spelled(piece), UNKNOWN_ID)
                for word in words(text, language)
                for piece in cutter.split(word)
            ]
        )
    told = {"vocabs": ["vocab.en.yml", "vocab.de.yml"], "models": ["model.npz"]}
    (path / "decoder.yml").write_text(yaml.safe_dump(told))
    return Vocabularies((sizes[0], sizes[1]), (sides[0], sides[1]))


def _spelled(piece: str) -> str:
    return piece.removesuffix(END_OF_WORD) if piece.endswith(END_OF_WORD) else f"{piece}@@"


def _write_model(path: Path, texts: Sequence[str], size: int) -> tuple[Ids, int]:
    """A sentencepiece model as Marian trains one: no start and no padding."""
    model = tiny.train_pieces(texts, vocab_size=size, eos_id=0, unk_id=1, bos_id=-1, pad_id=-1)
    path.write_bytes(model)
    cutter = sentencepiece.SentencePieceProcessor(model_proto=model)
    return (lambda text: [*cutter.encode(text)]), cutter.get_piece_size()


KINDS = {
    "student": Kind(
        {
            "transformer-decoder-autoreg": "rnn",
            "transformer-decoder-dim-ffn": 48,
            "tied-embeddings-all": True,
        },
        one_model,
        is_tied=True,
    ),
    "tied-student": Kind(
        {
            "transformer-decoder-autoreg": "rnn",
            "transformer-rnn-projection": True,
            "transformer-tied-layers": [1, 2, 1],
            "dec-depth": 3,
            "transformer-preprocess": "n",
            "transformer-postprocess": "dan",
            "transformer-postprocess-emb": "nd",
            "transformer-ffn-activation": "gelu",
            "output-omit-bias": True,
            "tied-embeddings-all": True,
        },
        list_of_pieces,
        is_tied=True,
    ),
    "teacher": Kind(
        {
            "transformer-preprocess": "n",
            "transformer-postprocess": "da",
            "transformer-postprocess-top": "n",
            "transformer-ffn-activation": "swish",
            "transformer-train-position-embeddings": True,
        },
        two_models,
    ),
    "old": Kind(
        {"transformer-no-projection": True, "transformer-postprocess": "dar"},
        codes,
        is_legacy=True,
    ),
}


def make_checkpoint(path: Path, kind: Kind, corpus: Corpus = TOY) -> Path:
    """Writes `model.npz` and its vocabularies."""
    path.mkdir()
    settings = {**SETTINGS, **kind.settings}
    vocabularies = kind.vocabularies(path, corpus)
    settings["dim-vocabs"] = [*vocabularies.sizes]
    tensors = _train(settings, kind, vocabularies, corpus)
    save(path / "model.npz", settings, {name: each.numpy() for name, each in tensors.items()})
    return path


def save(
    path: Path, settings: Mapping[str, Any], arrays: Mapping[str, "np.ndarray[Any, Any]"]
) -> None:
    """Writes the archive: settings are the bytes of YAML, and a zero after them."""
    text = yaml.safe_dump(dict(settings)).encode() + b"\0"
    np.savez(path, **{**arrays, "special:model.yml": np.frombuffer(text, np.int8)})  # type: ignore[arg-type]


def _train(
    settings: Mapping[str, Any], kind: Kind, vocabularies: Vocabularies, corpus: Corpus
) -> dict[str, Tensor]:
    torch.manual_seed(5)
    tensors = _random(settings, kind, vocabularies.sizes)
    model = PlainMarian(settings, tensors)
    sources, targets = (
        [side(text) for text in (doubled(texts) if corpus is TOY else texts)]
        for side, texts in zip(vocabularies.sides, corpus[:2], strict=True)
    )
    optimizer = torch.optim.Adam(tensors.values(), lr=corpus.rate_of(4e-3), foreach=True)
    for step in range(corpus.steps_of(320)):
        source, target = sources[step % len(sources)], targets[step % len(targets)]
        logits = model.logits([*source, END_ID], target)
        loss = torch.nn.functional.cross_entropy(logits, torch.tensor([*target, END_ID]))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call] # torch has no types for it
        optimizer.step()
    return {name: each.detach().clone() for name, each in tensors.items()}


def _random(settings: Mapping[str, Any], kind: Kind, sizes: tuple[int, int]) -> dict[str, Tensor]:
    """Under Marian's names."""
    shapes = _embeddings(settings, kind, sizes)
    norms: list[tuple[str, str]] = []
    before, after = (
        [each for each in settings[f"transformer-{name}"] if each in "nr"]
        for name in ("preprocess", "postprocess")
    )

    def sublayer(first: str, last: str) -> None:
        norms.extend((f"{first}_%s_pre", each) for each in before)
        norms.extend((f"{last}_%s", each) for each in after)

    def attention(name: str) -> None:
        for part in "qkv" if settings["transformer-no-projection"] else "qkvo":
            shapes[f"{name}_W{part}"], shapes[f"{name}_b{part}"] = (DIM, DIM), (1, DIM)
        sublayer(f"{name}_Wo", f"{name}_Wo")

    for side in ("encoder", "decoder"):
        for name, place, suffix in (("emb", "postprocess-emb", "_pre"), ("top",) * 2 + ("",)):
            told = settings[f"transformer-{'postprocess-top' if name == 'top' else place}"]
            norms += [(f"{side}_{name}_%s{suffix}", each) for each in told if each in "nr"]
        tied = settings["transformer-tied-layers"] if side == "decoder" else []
        depth = max(tied) if tied else settings["enc-depth" if side == "encoder" else "dec-depth"]
        for number in range(1, depth + 1):
            layer = f"{side}_l{number}"
            if side == "decoder" and settings["transformer-decoder-autoreg"] == "rnn":
                unit = f"{layer}_rnn"
                shapes |= {
                    f"{unit}_W": (DIM, DIM),
                    f"{unit}_Wf": (DIM, DIM),
                    f"{unit}_bf": (1, DIM),
                }
                if settings["transformer-rnn-projection"]:
                    shapes |= {f"{unit}_Wo": (DIM, DIM), f"{unit}_bo": (1, DIM)}
                sublayer(unit, f"{unit}_ffn")
            else:
                attention(f"{layer}_self")
            if side == "decoder":
                attention(f"{layer}_context")
            hidden = settings[f"transformer-{'decoder-' if side == 'decoder' else ''}dim-ffn"]
            fed = f"{layer}_ffn"
            shapes |= {f"{fed}_W1": (DIM, hidden), f"{fed}_b1": (1, hidden)}
            shapes |= {f"{fed}_W2": (hidden, DIM), f"{fed}_b2": (1, DIM)}
            sublayer(f"{fed}_ffn", f"{fed}_ffn")
    tensors = {name: 0.15 * torch.randn(shape) for name, shape in shapes.items()}
    for name, operation in norms:
        kind_of = "rms" if operation == "r" else "ln"
        tensors[name % f"{kind_of}_scale"] = 1 + 0.1 * torch.randn(1, DIM)
        if kind_of == "ln":
            tensors[name % "ln_bias"] = 0.1 * torch.randn(1, DIM)
    return {name: tensor.requires_grad_() for name, tensor in tensors.items()}


def _embeddings(
    settings: Mapping[str, Any], kind: Kind, sizes: tuple[int, int]
) -> dict[str, tuple[int, ...]]:
    sources, targets = sizes
    shapes: dict[str, tuple[int, ...]] = {"Wemb": (targets, DIM)}
    if not kind.is_tied:
        shapes = {"encoder_Wemb": (sources, DIM), "decoder_Wemb": (targets, DIM)}
        output = ("W", (DIM, targets)) if kind.is_legacy else ("Wt", (targets, DIM))
        shapes[f"decoder_ff_logit_out_{output[0]}"] = output[1]
    if not settings["output-omit-bias"]:
        shapes["decoder_ff_logit_out_b"] = (1, targets)
    if settings["transformer-train-position-embeddings"]:
        shapes["Wpos"] = (256, DIM)
    return shapes
