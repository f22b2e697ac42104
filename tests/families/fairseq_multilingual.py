"""Makes tiny checkpoints of fairseq's multilingual tasks, and knows how they are told languages.

As fairseq's tasks do it, written out once more: what a source has around it, and what a translation
begins with.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import sentencepiece
import torch

from tests.export import tiny
from tests.export.subwords import END_ID, SOURCE_TEXTS, TARGET_TEXTS, UNKNOWN_ID, doubled
from tests.families.compare import Direction
from tests.families.fairseq import ARGS, Example, train

TEXTS = {"en": doubled(SOURCE_TEXTS), "de": doubled(TARGET_TEXTS)}

PAIRS = "en-de,de-en"

TOKENS = "plain.json"
"""Pieces and their ids, with those that the task adds."""


class Kind(NamedTuple):
    """How a checkpoint is told its languages."""

    args: Mapping[str, Any]
    added: Sequence[str]
    """What the task adds to a dictionary."""
    directions: Sequence[Direction]
    before: str = ""
    """The source: a token by its direction."""
    after: str = ""
    """After its end token."""
    begin: tuple[str, ...] = ("</s>",)
    """The target."""


BOTH = (Direction("en", "de"), Direction("de", "en"))

KINDS = {
    "m2m": Kind(
        {
            "task": "translation_multi_simple_epoch",
            "arch": "transformer_wmt_en_de_big",
            "source_lang": None,
            "target_lang": None,
            "langs": ["fr", "de", "en"],
            "lang_pairs": PAIRS.split(","),
            "encoder_langtok": "src",
            "decoder_langtok": True,
            "langtoks": {"main": ("src", "tgt")},
            "langtoks_specs": ["main"],
            "fixed_dictionary": "/somewhere/model_dict.128k.txt",
            "share_all_embeddings": True,
            "encoder_normalize_before": True,
            "decoder_normalize_before": True,
        },
        ["__fr__", "__de__", "__en__"],
        BOTH,
        before="__{source}__",
        begin=("</s>", "__{target}__"),
    ),
    "target first": Kind(
        {
            "task": "translation_multi_simple_epoch",
            "lang_tok_style": "mbart",
            "langs": None,
            "lang_pairs": PAIRS,
            "encoder_langtok": "tgt",
            "decoder_langtok": False,
            "langtoks_specs": "main,mono_dae",
            "encoder_normalize_before": True,
            "decoder_normalize_before": True,
        },
        ["[de]", "[en]", "[de_dae]", "[en_dae]", "<mask>"],
        BOTH,
        before="[{target}]",
    ),
    "mbart": Kind(
        {
            "task": "translation_from_pretrained_bart",
            "arch": "mbart_large",
            "source_lang": "en_XX",
            "target_lang": "de_DE",
            "langs": "ar_AR,de_DE,en_XX",
            "encoder_learned_pos": True,
            "decoder_learned_pos": True,
            "layernorm_embedding": True,
            "share_all_embeddings": True,
            "encoder_normalize_before": True,
            "decoder_normalize_before": True,
            "activation_fn": "gelu",
        },
        ["[ar_AR]", "[de_DE]", "[en_XX]", "<mask>"],
        (Direction("en", "de"),),
        after="[en_XX]",
        begin=("[de_DE]",),
    ),
}


class Told(NamedTuple):
    """A kind's checkpoint, as fairseq would be told what to translate."""

    kind: Kind
    ids: Mapping[str, int]
    model: sentencepiece.SentencePieceProcessor

    @classmethod
    def of(cls, kind: Kind, path: Path) -> "Told":
        model = sentencepiece.SentencePieceProcessor(model_file=str(path / "spm.model"))
        return cls(kind, json.loads((path / TOKENS).read_text()), model)

    def source(self, text: str, direction: Direction) -> list[int]:
        around = [self._token(each, direction) for each in (self.kind.before, self.kind.after)]
        return [*around[0], *self.pieces(text), END_ID, *around[1]]

    def begin(self, direction: Direction) -> list[int]:
        return [i for each in self.kind.begin for i in self._token(each, direction)]

    def pieces(self, text: str) -> list[int]:
        return [self.ids.get(p, UNKNOWN_ID) for p in self.model.encode(text, out_type=str)]

    def _token(self, pattern: str, direction: Direction) -> list[int]:
        name = pattern.format(source=direction.source, target=direction.target)
        return [self.ids[name]] if name else []


def make_checkpoint(path: Path, kind: Kind) -> Path:
    """Writes it, and beside it `plain.pt`, its tensors and settings."""
    path.mkdir()
    args = {**ARGS, **kind.args}
    trained = tiny.train_pieces([*SOURCE_TEXTS, *TARGET_TEXTS], vocab_size=200)
    (path / "spm.model").write_bytes(trained)
    pieces = tiny.pieces_of(trained)
    lines = "".join(f"{piece} 1\n" for piece in pieces)
    for name in _dictionaries(args):
        (path / name).write_text(lines)
    ids = {piece: 4 + i for i, piece in enumerate([*pieces, *kind.added])}
    (path / TOKENS).write_text(json.dumps({**ids, "</s>": END_ID}))
    told = Told.of(kind, path)
    texts = zip(TEXTS["en"], TEXTS["de"], strict=True)
    examples: list[Example] = [
        (told.source(pair[each.source], each), told.begin(each), told.pieces(pair[each.target]))
        for pair in (dict(zip(TEXTS, both, strict=True)) for both in texts)
        for each in kind.directions
    ]
    tensors = train(args, [4 + len(ids)] * 2, examples, steps=450)
    torch.save({"args": args, "model": tensors}, path / "plain.pt")
    torch.save({"args": argparse.Namespace(**args), "model": tensors}, path / "model.pt")
    return path


def _dictionaries(args: Mapping[str, Any]) -> list[str]:
    if args.get("fixed_dictionary"):
        return [Path(args["fixed_dictionary"]).name]
    names = ("en_XX", "de_DE") if args["source_lang"] == "en_XX" else ("en", "de")
    return [f"dict.{name}.txt" for name in names]
