"""Sentences to translate, and how a model cuts them into tokens."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from sentencepiece import SentencePieceProcessor

from dragoman_export.sentences import SENTENCES
from dragoman_server.models.bundle import Bundle
from dragoman_server.models.tokenizer import load_tokenizer
from tests.bench.batches import equalise
from tests.bench.workload import Workload, spread

TEST_SETS = (("tatoeba_test", 400), ("flores_dev", 200))
"""First lines of each: everyday sentences, and long ones of news."""

EVERYDAY = (("tatoeba_test", 200),)
"""What is translated one at a time."""

EQUAL_LENGTHS = 128
"""Sentences that share a forced length: the largest batch that is tried."""

REPETITIONS = 15
"""Of the built-in sample, which has no references."""


@dataclass(frozen=True)
class Corpus:
    """Sentences to translate."""

    name: str
    sources: list[str]
    references: list[str] | None

    @classmethod
    def built_in(cls, repetitions: int = REPETITIONS) -> Self:
        """Returns the sample that exports are verified on."""
        return cls(f"built-in sample x {repetitions}", list(SENTENCES) * repetitions, None)

    @classmethod
    def read(cls, directory: Path, test_sets: Sequence[tuple[str, int]] = TEST_SETS) -> Self:
        """Reads the first lines of test sets in `directory`."""
        sides: dict[str, list[str]] = {"en": [], "de": []}
        for name, count in test_sets:
            for language in sides:
                text = (directory / f"{name}.{language}").read_text("utf-8")
                sides[language] += text.removesuffix("\n").split("\n")[:count]
        name = " + ".join(f"{name}[:{count}]" for name, count in test_sets)
        return cls(name, sides["en"], sides["de"])

    def sample(self, count: int) -> Self:
        """Returns `count` sentences from all over it, or all where it has no more."""
        picked = spread(len(self.sources), count)
        return type(self)(
            f"{len(picked)} sentences of {self.name}",
            [self.sources[index] for index in picked],
            self.references and [self.references[index] for index in picked],
        )


def encode(
    corpus: Corpus, bundle: Bundle, *, forced_lengths: bool, equal: int = EQUAL_LENGTHS
) -> Workload:
    """Cuts a corpus into a model's tokens.

    Lengths are forced to the references', or to the sources' where there are none, in groups of
    `equal` sentences of one length: the best case of a system that decodes a batch to its longest
    sentence.
    """
    tokenizer = load_tokenizer(bundle)
    sources = [tokenizer.encode(text) for text in corpus.sources]
    if not forced_lengths:
        return Workload(sources, None)
    lengths = reference_lengths(corpus, bundle.path) or [len(source) for source in sources]
    return Workload(sources, equalise(lengths, equal))


def reference_lengths(corpus: Corpus, bundle: Path) -> list[int]:
    """Returns how many target tokens each reference has in a model's bundle, one more for its end;
    none where there are no references."""
    path = bundle / Bundle.load(bundle).manifest.tokenizer.target_model_path
    cutter = SentencePieceProcessor(model_file=str(path))
    return [len(cutter.encode(text)) + 1 for text in corpus.references or ()]
