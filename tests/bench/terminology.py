"""What placeholders and glossaries cost, and whether they hold.

`python -m tests.bench.terminology`: on tatoeba_test, with the shipped model. Counts with code of
its own, not with the server's.
"""

import argparse
import random
import re
import time
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import sacrebleu

from dragoman.v1.translation_pb2 import (
    GLOSSARY_MODE_HARD,
    GLOSSARY_MODE_SOFT,
    DecodingOptions,
    GlossaryConfig,
    GlossaryEntry,
    StreamTranslateTextRequest,
    Translation,
)
from dragoman_server.config import Config
from dragoman_server.local import LocalTranslator
from tests.bench.terminology_terms import TERMS

PLACEHOLDERS = (
    *("%s", "%d", "%1$s", "%2$s", "%(name)s", "{name}", "{0}", "{{user}}", "${path}", "%{count}"),
    *("%n", "%1", "{count, plural, one {# file} other {# files}}", "https://example.org/a?b=1&c=2"),
    *("jane.doe@example.org", "`make test`", '<x id="1"/>', '<g id="2">', "</g>", "<br/>"),
)

SEED = 2019
STAND_IN_LINES = 200


class Figures(NamedTuple):
    """Of a run."""

    translations: list[Translation]
    tokens_per_second: float

    @property
    def texts(self) -> list[str]:
        """What came out."""
        return [each.translated_text for each in self.translations]


Ask = Callable[[str], StreamTranslateTextRequest]


def main() -> None:
    """Runs all of it and prints what it finds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", type=Path, default=Path("build/bundles/en-de-int8"))
    parser.add_argument("--data", type=Path, default=Path("../shared/data/en-de"))
    parser.add_argument("--beam-size", type=int, default=1)
    parser.add_argument("--stand-ins", action="store_true", help="which words the model copies")
    arguments = parser.parse_args()
    lines = (arguments.data / "tatoeba_test.en").read_text("utf-8").splitlines()
    references = (arguments.data / "tatoeba_test.de").read_text("utf-8").splitlines()
    with LocalTranslator.open(Config(bundle=(arguments.bundle,))) as translator:
        bench = Bench(translator, arguments.beam_size)
        bench.run(lines[:200], bench.plain)
        if arguments.stand_ins:
            dev = (arguments.data / "tatoeba_dev.en").read_text("utf-8").splitlines()
            bench.tell_stand_ins(dev)
            return
        bench.tell_placeholders(with_placeholders(lines, random.Random(SEED)), lines)
        bench.tell_glossary(lines, references)


class Bench:
    """Runs texts through a translator in this process."""

    def __init__(self, translator: LocalTranslator, beam_size: int) -> None:
        self._translator = translator
        self._options = DecodingOptions(beam_size=beam_size)

    def plain(self, text: str) -> StreamTranslateTextRequest:
        """Asks for nothing but a translation."""
        return StreamTranslateTextRequest(id="0", content=text, options=self._options)

    def protected(self, text: str) -> StreamTranslateTextRequest:
        """Asks for placeholders to be kept."""
        request = self.plain(text)
        request.protect_placeholders = True
        return request

    def kept(self, text: str) -> StreamTranslateTextRequest:
        """Asks for the source terms to be kept."""
        request = self.plain(text)
        request.dnt_phrases.extend(TERMS)
        return request

    def with_terms(self, mode: "GlossaryConfig") -> Ask:
        """Returns what asks for the glossary."""

        def ask(text: str) -> StreamTranslateTextRequest:
            request = self.plain(text)
            request.glossary_config.CopyFrom(mode)
            return request

        return ask

    def run(self, texts: Iterable[str], ask: Ask) -> Figures:
        """Translates texts."""
        started = time.perf_counter()
        outcomes = list(self._translator.translate_stream(map(ask, texts)))
        seconds = time.perf_counter() - started
        translations = [each for each in outcomes if isinstance(each, Translation)]
        assert len(translations) == len(outcomes), outcomes
        tokens = sum(each.target_token_count for each in translations)
        return Figures(translations, tokens / seconds)

    def compare(self, texts: list[str], off: Ask, on: Ask) -> tuple[Figures, Figures]:
        """Runs both in turns, and tells their speed; returns the last of each."""
        speeds: dict[bool, list[float]] = {False: [], True: []}
        last: dict[bool, Figures] = {}
        for is_on in (False, True, True, False, False, True):
            last[is_on] = self.run(texts, on if is_on else off)
            speeds[is_on].append(last[is_on].tokens_per_second)
        shown = [", ".join(f"{speed:,.0f}" for speed in speeds[is_on]) for is_on in (False, True)]
        print(f"  tokens/s off {shown[0]}; on {shown[1]}", flush=True)
        return last[False], last[True]

    def tell_placeholders(self, marked: list[tuple[str, list[str]]], lines: list[str]) -> None:
        """Tells how many lines lose or change a placeholder."""
        texts = [text for text, _ in marked]
        print(f"placeholders in {len(texts)} lines")
        off, on = self.compare(texts, self.plain, self.protected)
        for name, figures in (("off", off), ("on", on)):
            lost = sum(
                not _has_all(text, expected)
                for text, (_, expected) in zip(figures.texts, marked, strict=True)
            )
            print(f"  {name}: {lost} lines with a placeholder lost or changed")
        print(f"  warnings: {dict(_reasons(on))}")
        print("  in the lines without them:", end="")
        self.compare(lines, self.plain, self.protected)

    def tell_glossary(self, lines: list[str], references: list[str]) -> None:
        """Tells how often terms are honoured, and what that does to BLEU."""
        entries = [GlossaryEntry(source_term=s, target_term=t) for s, t in TERMS.items()]
        bound = [bool(_terms(line)) for line in lines]
        print(f"{len(TERMS)} terms, in {sum(bound)} of {len(lines)} lines")
        for name, mode in (("hard", GLOSSARY_MODE_HARD), ("soft", GLOSSARY_MODE_SOFT)):
            print(f" {name}")
            config = GlossaryConfig(entries=entries, mode=mode)
            off, on = self.compare(lines, self.plain, self.with_terms(config))
            for which, figures in (("off", off), ("on", on)):
                honoured, of = _honoured(lines, figures.texts, is_soft=name == "soft")
                bleu = sacrebleu.corpus_bleu(figures.texts, [references]).score
                some = [
                    [text for text, is_bound in zip(texts, bound, strict=True) if is_bound]
                    for texts in (figures.texts, references)
                ]
                part = sacrebleu.corpus_bleu(some[0], [some[1]]).score
                print(
                    f"  {which}: {honoured} of {of} terms honoured ({honoured / of:.1%}), "
                    f"BLEU {bleu:.2f}, of lines with terms {part:.2f}"
                )
            same = sum(a == b for a, b, c in zip(off.texts, on.texts, bound, strict=True) if not c)
            print(f"  lines without terms that are the same: {same} of {len(lines) - sum(bound)}")
            print(f"  warnings: {dict(_reasons(on))}")
        print(" kept as they are")
        off, on = self.compare(lines, self.plain, self.kept)
        lost = sum(
            not _has_all(text, [word for word, _ in _terms(line)])
            for text, line in zip(on.texts, lines, strict=True)
        )
        print(f"  {lost} lines with a phrase lost; warnings: {dict(_reasons(on))}")

    def tell_stand_ins(self, lines: list[str]) -> None:
        """Tells how often the model copies a word that stands anywhere in a sentence."""
        chance = random.Random(SEED)
        lines = [line for line in lines if 4 <= len(line.split()) <= 14]
        lines = chance.sample(lines, STAND_IN_LINES)
        words = ["%s", "{name}", "<1>", "#1", "87", "4711", "9123", "8264", "Zbx", "Google"]
        words += [f"{letter}{number}" for letter in "XB" for number in range(10, 100)]
        copied: dict[str, int] = {}
        for word in words:
            places = random.Random(SEED)
            texts = [" ".join(_inserted(line.split(), [word], places)) for line in lines]
            copied[word] = sum(text.count(word) == 1 for text in self.run(texts, self.plain).texts)
        for word, count in sorted(copied.items(), key=lambda each: -each[1]):
            print(f"{word:8} {count / STAND_IN_LINES:.1%}")


def with_placeholders(lines: list[str], chance: random.Random) -> list[tuple[str, list[str]]]:
    """Returns lines with one to three placeholders in places of chance, and which these are."""
    found = []
    for line in lines:
        chosen = [chance.choice(PLACEHOLDERS) for _ in range(chance.choice([1, 1, 2, 3]))]
        found.append((" ".join(_inserted(line.split(), chosen, chance)), chosen))
    return found


def _inserted(words: list[str], chosen: list[str], chance: random.Random) -> list[str]:
    for each in chosen:
        words.insert(chance.randint(0, len(words)), each)
    return words


def _has_all(text: str, expected: list[str]) -> bool:
    """Whether each is there as often as expected; a longer one is no shorter one."""
    for each, times in sorted(Counter(expected).items(), key=lambda pair: -len(pair[0])):
        if text.count(each) < times:
            return False
        text = text.replace(each, "\0", times)
    return True


def _reasons(figures: Figures) -> Counter[str]:
    return Counter(warning.reason for each in figures.translations for warning in each.warnings)


def _terms(line: str) -> list[tuple[str, str]]:
    """Returns the terms of a line, with what they become."""
    return [pair for pair in TERMS.items() for _ in re.finditer(rf"\b{pair[0]}\b", line)]


def _honoured(lines: list[str], texts: list[str], *, is_soft: bool) -> tuple[int, int]:
    """Returns how many terms are in the translations, and of how many."""
    honoured = of = 0
    for line, text in zip(lines, texts, strict=True):
        for target, times in Counter(target for _, target in _terms(line)).items():
            stem = _plain(target)[: max(3, len(target) - 2 * (len(target) > 4))]
            pattern = rf"\b{stem}\w*" if is_soft else rf"\b{target}\b"
            said = len(re.findall(pattern, _plain(text) if is_soft else text))
            honoured += min(said, times)
            of += times
    return honoured, of


def _plain(text: str) -> str:
    """Returns a text in small letters without marks, so that Häuser begins as Haus does."""
    apart = unicodedata.normalize("NFD", text.casefold())
    return "".join(c for c in apart if not unicodedata.combining(c))


if __name__ == "__main__":
    main()
