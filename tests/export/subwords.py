"""Merges and vocabularies of subword-nmt for tiny checkpoints, and FSMT checkpoints with them."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import sacremoses
import torch
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from dragoman.tokenizer.subwords import Merges
from tests.export.corpus import Corpus
from tests.export.tokenizers import SCRIPTS
from tests.export.two_vocabularies import SOURCES, TARGETS

SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")
PAD_ID, END_ID, UNKNOWN_ID = 1, 2, 3

SOURCE_TEXTS = [*SOURCES, 'Mr. Fox, isn\'t he quick-witted? "Yes!" & no: 3.5 %; <s>']
TARGET_TEXTS = [*TARGETS, 'Herr Fuchs ist schlau, oder? "Ja!" & nein: 3,5 %; <s>']

TOY = Corpus(SOURCE_TEXTS, TARGET_TEXTS)


def doubled(texts: Sequence[str]) -> list[str]:
    """The texts, and some after others."""
    pairs = zip([*texts, *texts], [*texts[1:], *texts[3:], *texts[:4]], strict=True)
    return [*texts, *(f"{first} {second}" for first, second in pairs)]


def words(text: str, language: str = "en") -> list[str]:
    cut: list[str] = sacremoses.MosesTokenizer(language).tokenize(text, aggressive_dash_splits=True)
    return cut


def train_merges(texts: Iterable[str], size: int) -> list[str]:
    """Pairs that become one, as lines of a file have them."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    trainer = trainers.BpeTrainer(vocab_size=size, end_of_word_suffix="</w>", show_progress=False)
    tokenizer.train_from_iterator([" ".join(words(text)) for text in texts], trainer)
    merges = json.loads(tokenizer.to_str())["model"]["merges"]
    return [" ".join(pair) for pair in merges]


def pieces_of(merges: Sequence[str], texts: Iterable[str]) -> list[str]:
    """Pieces of the texts and every character of them, in the order of their first use."""
    cutter = Merges(tuple(line.split()) for line in merges)
    cut = [piece for text in texts for word in words(text) for piece in cutter.split(word)]
    characters = sorted({character for text in texts for character in text if character != " "})
    return [*dict.fromkeys([*cut, *characters, *(f"{each}</w>" for each in characters)])]


def write_fsmt_tokenizer(
    path: Path, corpus: Corpus = TOY, *, one_vocabulary: bool = False, **settings: object
) -> None:
    """Merges of both languages; pieces of each, or of both."""
    merges = train_merges(corpus.texts, corpus.size(260))
    sides: tuple[Sequence[str], Sequence[str]]
    sides = (corpus.english, [*corpus.german, *SCRIPTS[1:4]])
    if one_vocabulary:
        sides = ([*sides[0], *sides[1]],) * 2
    for name, texts in zip(("vocab-src.json", "vocab-tgt.json"), sides, strict=True):
        pieces = [*SPECIAL, *pieces_of(merges, texts)]
        (path / name).write_text(json.dumps({piece: i for i, piece in enumerate(pieces)}))
    (path / "merges.txt").write_text("".join(f"{line} 7\n" for line in merges))
    told = {"tokenizer_class": "FSMTTokenizer", "langs": ["en", "de"]} | settings
    (path / "tokenizer_config.json").write_text(json.dumps(told))
    (path / "config.json").write_text(json.dumps({"model_type": "fsmt"}))


def fsmt_tokenizer(path: Path) -> Any:
    return transformers.AutoTokenizer.from_pretrained(path)


def padded(rows: Sequence[Sequence[int]], filler: int = PAD_ID) -> torch.Tensor:
    """Rows of unlike lengths, (rows, longest)."""
    longest = max(map(len, rows))
    return torch.tensor([[*row, *[filler] * (longest - len(row))] for row in rows])


def target_ids(path: Path, texts: Iterable[str]) -> list[list[int]]:
    """As Moses and merges cut them, with the end token; transformers does not do it."""
    lines = (path / "merges.txt").read_text().splitlines()
    cutter = Merges(tuple(line.split()[:2]) for line in lines)
    ids = json.loads((path / "vocab-tgt.json").read_text())
    return [
        [*(ids[piece] for word in words(text, "de") for piece in cutter.split(word)), END_ID]
        for text in texts
    ]
