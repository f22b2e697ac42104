"""The real text: what tokenizers and models are trained on, and the sentences that are compared."""

import gzip
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.export.corpus import Corpus

SETS = ("tatoeba_test", "flores_dev", "newstest2014", "multi30k_test2016")
"""Files NAME.en and NAME.de, line by line the same, of which as many sentences each are taken."""

TRAINING = "train.tsv.gz"
"""English, German and where a pair is from, between tabs."""

TRAINING_PAIRS = 2400
LONGEST_TO_LEARN = 90
LONGEST = 180
"""Characters of a sentence: what the smallest of the models has positions for, in bytes too."""

VOCABULARY_SIZE = 900

MAX_LENGTH = 40
"""Tokens of a translation; of bytes three times as many."""


class RealTexts(NamedTuple):
    """What was read."""

    corpus: Corpus
    sentences: Mapping[str, Sequence[str]]
    """By language."""


def read(data: Path, count: int) -> RealTexts:
    """Reads as many sentences of each language as `count`, spread over all sets.

    Raises:
        OSError: A file is missing.
    """
    pairs: list[tuple[str, str]] = []
    for index, name in enumerate(SETS):
        sides = [(data / f"{name}.{side}").read_text("utf-8").splitlines() for side in ("en", "de")]
        found = [
            pair for pair in zip(*sides, strict=True) if all(0 < len(s) <= LONGEST for s in pair)
        ]
        share = (count + index) // len(SETS)
        pairs += [(found[i * len(found) // share]) for i in range(share)]
    english, german = zip(*pairs, strict=True)
    return RealTexts(_training(data / TRAINING), {"en": english, "de": german})


def _training(path: Path) -> Corpus:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        rows = [line.split("\t")[:2] for line in file]
    short = [row for row in rows if all(len(side) <= LONGEST_TO_LEARN for side in row)]
    chosen = short[:: len(short) // TRAINING_PAIRS][:TRAINING_PAIRS]
    english, german = ([row[side] for row in chosen] for side in (0, 1))
    return Corpus(english, german, VOCABULARY_SIZE, max_length=MAX_LENGTH)
