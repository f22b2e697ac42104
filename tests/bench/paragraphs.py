"""What a model makes of texts of several sentences, whole and split, and what either costs.

    python -m tests.bench.paragraphs joined --bundle DIR --data DIR
    python -m tests.bench.paragraphs lines --bundle DIR --data DIR
    python -m tests.bench.paragraphs cost --bundle DIR --data DIR --turns 3

One engine in this process. `joined` prints BLEU and chrF of paragraphs that are so many lines of a
test set, and their references, joined with spaces; then by their number of source tokens, which is
what Segmentation AUTO goes by. `lines` prints the latter of lines that have several sentences
themselves, as somebody wrote them. `cost` prints target tokens/s of paragraphs that are split, and
of the same sentences sent one by one.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import sacrebleu

from dragoman.v1 import translation_pb2 as pb
from dragoman_server.config import Config
from dragoman_server.local import LocalTranslator
from dragoman_server.texts import sentences
from tests.bench.quality import read_lines
from tests.bench.tables import markdown_table, with_range
from tests.bench.turns import in_turns

SETS = ("flores_dev", "newstest2014", "tatoeba_test")
LINES_EACH = (1, 2, 3, 5, 8)
TOKENS = (12, 16, 20, 24, 32, 48, 64, 128, 512)
"""Most source tokens of the texts that are looked at together."""

SCORES = ("whole: BLEU, chrF", "split: BLEU, chrF")

WHOLE, SPLIT = pb.SEGMENTATION_NONE, pb.SEGMENTATION_SENTENCES


class Paragraph(NamedTuple):
    """Of a test set."""

    source: str
    reference: str


class Translated(NamedTuple):
    """A paragraph in both ways."""

    reference: str
    whole: pb.Translation
    split: pb.Translation


def main() -> None:
    """Prints tables in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("what", choices=("joined", "lines", "cost"))
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True, help="with flores_dev.en and others")
    parser.add_argument("--lines", type=int, default=600, help="of each set, to be joined")
    parser.add_argument("--turns", type=int, default=3, help="of cost")
    arguments = parser.parse_args()
    config = Config(bundle=(arguments.bundle,), engines=1, provider="cpu")
    with LocalTranslator.open(config) as translator:
        if arguments.what == "joined":
            print_joined(translator, arguments.data, arguments.lines)
        elif arguments.what == "lines":
            paragraphs = list(several_sentences(arguments.data))
            print_by_tokens(list(in_both_ways(translator, paragraphs)))
        else:
            print_cost(translator, arguments.data, arguments.lines, arguments.turns)


def print_joined(translator: LocalTranslator, data: Path, lines: int) -> None:
    """Prints BLEU and chrF by lines of a paragraph, and by its source tokens."""
    every: list[Translated] = []
    rows = []
    for name in SETS:
        for lines_each in LINES_EACH:
            paragraphs = list(read_paragraphs(data, name, lines, lines_each))
            found = list(in_both_ways(translator, paragraphs))
            every += found if lines_each > 1 else ()
            tokens = statistics.mean(each.whole.source_token_count for each in found)
            rows.append((name, str(lines_each), f"{tokens:.0f}", *scores(found)))
    print(markdown_table(("set", "lines", "source tokens", *SCORES), rows))
    print_by_tokens(every)


def print_by_tokens(every: Sequence[Translated]) -> None:
    """Prints BLEU and chrF of texts of about as many source tokens."""
    rows = []
    for least, most in zip((0, *TOKENS), TOKENS, strict=False):
        found = [each for each in every if least < each.whole.source_token_count <= most]
        if found:
            rows.append((f"{least + 1} to {most}", str(len(found)), *scores(found)))
    print(markdown_table(("source tokens", "texts", *SCORES), rows))


def print_cost(translator: LocalTranslator, data: Path, lines: int, turns: int) -> None:
    """Prints tokens/s of paragraphs of eight lines, and of the same pieces each by itself."""
    paragraphs = [
        each.source for name in SETS[:2] for each in read_paragraphs(data, name, lines, 8)
    ]
    pieces = [
        source[segment.source_begin : segment.source_end]
        for source, translation in zip(
            paragraphs, translated(translator, paragraphs, SPLIT), strict=True
        )
        for segment in translation.segments
    ]
    ways = (("split", paragraphs, SPLIT), ("one by one", pieces, WHOLE))
    rates: dict[str, list[float]] = {name: [] for name, _, _ in ways}
    for turn in range(turns):
        for name, texts, segmentation in in_turns(ways, turn):
            began = time.perf_counter()
            found = translated(translator, texts, segmentation)
            tokens = sum(each.target_token_count for each in found)
            rates[name].append(tokens / (time.perf_counter() - began))
    rows = [(name, str(len(texts)), with_range(rates[name], ",.0f")) for name, texts, _ in ways]
    print(markdown_table(("", "texts", "target tokens/s"), rows))


def read_paragraphs(data: Path, name: str, lines: int, lines_each: int) -> Iterator[Paragraph]:
    """Yields the first lines of a test set as paragraphs of so many lines."""
    sources, references = (
        read_lines(data / f"{name}.{language}")[:lines] for language in ("en", "de")
    )
    for begin in range(0, len(sources) - lines_each + 1, lines_each):
        end = begin + lines_each
        yield Paragraph(" ".join(sources[begin:end]), " ".join(references[begin:end]))


def several_sentences(data: Path) -> Iterator[Paragraph]:
    """Yields the lines of all test sets that have several sentences."""
    for path in sorted(data.glob("*.en")):
        for paragraph in read_paragraphs(data, path.stem, sys.maxsize, 1):
            if len(list(sentences(paragraph.source, "en"))) > 1:
                yield paragraph


def in_both_ways(
    translator: LocalTranslator, paragraphs: Sequence[Paragraph]
) -> Iterator[Translated]:
    """Yields those that the model takes whole, translated whole and split."""
    sources = [each.source for each in paragraphs]
    whole = outcomes(translator, sources, WHOLE)
    for paragraph, one, other in zip(
        paragraphs, whole, outcomes(translator, sources, SPLIT), strict=True
    ):
        if isinstance(one, pb.Translation) and isinstance(other, pb.Translation):
            yield Translated(paragraph.reference, one, other)


def translated(
    translator: LocalTranslator, texts: Sequence[str], segmentation: pb.Segmentation.ValueType
) -> list[pb.Translation]:
    """Returns the translations of texts, none of which may fail."""
    found = []
    for outcome in outcomes(translator, texts, segmentation):
        if not isinstance(outcome, pb.Translation):
            raise outcome
        found.append(outcome)
    return found


def outcomes(
    translator: LocalTranslator, texts: Sequence[str], segmentation: pb.Segmentation.ValueType
) -> list[pb.Translation | Exception]:
    """Returns what becomes of each text."""
    options = pb.DecodingOptions(return_scores=False)
    requests = (
        pb.StreamTranslateTextRequest(content=text, segmentation=segmentation, options=options)
        for text in texts
    )
    return list(translator.translate_stream(requests, max_concurrency=256))


def scores(found: Sequence[Translated]) -> tuple[str, str]:
    """Returns BLEU and chrF, of what was translated whole and of what was split."""
    references = [[each.reference for each in found]]
    cells = []
    for texts in (
        [each.whole.translated_text for each in found],
        [each.split.translated_text for each in found],
    ):
        bleu, chrf = sacrebleu.BLEU(), sacrebleu.CHRF()
        cells.append(
            f"{bleu.corpus_score(texts, references).score:.1f}, "
            f"{chrf.corpus_score(texts, references).score:.1f}"
        )
    return cells[0], cells[1]


if __name__ == "__main__":
    main()
