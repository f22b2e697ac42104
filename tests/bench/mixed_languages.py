"""How well the stretches of texts in several languages are found, and how often any are invented.

    python -m tests.bench.mixed_languages --data ../shared/data/en-de

Texts are made of sentences drawn from the test sets with a fixed seed: 2 to 5 runs of 1 to 4
sentences in one language each, spaces or line breaks between; a sentence with a foreign one in
quotation marks or brackets in it; and texts in one language, of which every stretch but one is
invented. Shares are of letters; a change of language counts as found where it is between the same
two letters.
"""

import argparse
import asyncio
import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from dragoman_server.detection import LanguageDetector, Stretch, Wanted, find_stretches
from tests.bench.detection import EVERYDAY
from tests.bench.tables import text_table

SEED = 19
BETWEEN = (" ", " ", " ", "\n", "\n\n")
FORMS = (
    "{0}: “{1}” {2}",
    '{0}: "{1}" {2}',
    "{0} (“{1}”). {2}",
    "{0} – „{1}“. {2}",  # noqa: RUF001
)

Sentences = dict[str, list[str]]
"""Of each language."""


class Made(NamedTuple):
    """A text and what it is made of."""

    text: str
    truth: list[Stretch]


class Found(NamedTuple):
    """What came of some texts."""

    right: float
    """Share of letters with the right language."""
    recall: float
    """Of the changes of language, those that were found."""
    precision: float
    """Of the changes that were found, those that there are."""
    exact: float
    """Share of texts of which all is right."""
    microseconds: float
    """Of CPU time, a text."""


def alternating(sentences: Sentences, rng: random.Random) -> Made:
    """A text of some runs of sentences."""
    codes: list[str] = []
    for _ in range(rng.randint(2, 5)):
        codes.append(rng.choice([code for code in sentences if code not in codes[-1:]]))
    text, truth = "", []
    for code in codes:
        run = ""
        for _ in range(rng.randint(1, 4)):
            run += rng.choice(BETWEEN) if run else ""
            run += rng.choice(sentences[code])
        text += rng.choice(BETWEEN) if text else ""
        truth.append(Stretch(len(text), len(text) + len(run), code))
        text += run
    return Made(text, truth)


def quoting(sentences: Sentences, rng: random.Random) -> Made:
    """A sentence that has one in another language in it, and one more."""
    outer, inner = rng.sample(list(sentences), 2)
    said = rng.choice(sentences[outer]).rstrip(".")
    parts = (said, rng.choice(sentences[inner]), rng.choice(sentences[outer]))
    form = rng.choice(FORMS)
    begin = len(form.partition("{1}")[0].format(said))
    end = begin + len(parts[1])
    text = form.format(*parts)
    truth = [Stretch(0, begin, outer), Stretch(begin, end, inner), Stretch(end, len(text), outer)]
    return Made(text, truth)


def uniform(count: int) -> Callable[[Sentences, random.Random], Made]:
    """Returns what makes a text of so many sentences of one language."""

    def made(sentences: Sentences, rng: random.Random) -> Made:
        code = rng.choice(list(sentences))
        text = rng.choice((" ", "\n")).join(rng.choice(sentences[code]) for _ in range(count))
        return Made(text, [Stretch(0, len(text), code)])

    return made


def _languages(text: str, stretches: Sequence[Stretch]) -> list[str]:
    """Returns the language of each letter."""
    codes = [""] * len(text)
    for begin, end, code in stretches:
        codes[begin:end] = [code] * (end - begin)
    return [code for code, character in zip(codes, text, strict=True) if character.isalpha()]


def _changes(codes: Sequence[str]) -> set[int]:
    return {at for at in range(1, len(codes)) if codes[at] != codes[at - 1]}


def measured(
    detector: LanguageDetector,
    texts: Sequence[Made],
    wanted: Wanted | None,
) -> Found:
    """Finds the stretches of some texts."""

    async def found() -> tuple[list[list[Stretch]], float]:
        began_at = time.process_time()
        each = [await find_stretches(made.text, detector, wanted) for made in texts]
        return each, time.process_time() - began_at

    answers, seconds = asyncio.run(found())
    letters = right = exact = both = there = told = 0
    for made, answer in zip(texts, answers, strict=True):
        truth, got = _languages(made.text, made.truth), _languages(made.text, answer)
        hits = sum(map(str.__eq__, truth, got))
        letters, right, exact = letters + len(truth), right + hits, exact + (hits == len(truth))
        truly, said = _changes(truth), _changes(got)
        both, there, told = both + len(truly & said), there + len(truly), told + len(said)
    microseconds = seconds / len(texts) * 1e6
    return Found(
        right / letters, both / max(1, there), both / max(1, told), exact / len(texts), microseconds
    )


def sets(data: Path | None) -> dict[str, Sentences]:
    """Returns the sentences of each test set that there is."""
    everyday: Sentences = {}
    for line in EVERYDAY.read_text(encoding="utf-8").splitlines():
        code, text = line.split("\t")
        if code != "id":  # which nobody tells from Malay
            everyday.setdefault(code, []).append(text)
    found = {"everyday": everyday}
    if data is None:
        return found
    for name in ("flores_dev", "tatoeba_test", "newstest2014"):
        found[name] = {
            code: (data / f"{name}.{code}").read_text(encoding="utf-8").splitlines()
            for code in ("en", "de")
        }
    return found


KINDS = {
    "several": alternating,
    "quotation": quoting,
    "one, 1 sentence": uniform(1),
    "one, 8 sentences": uniform(8),
}


def main() -> None:
    """Prints two tables: where all languages are wanted, and where en and de alone are."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, help="folder of flores_dev.en and so on")
    parser.add_argument("--texts", type=int, default=1000, help="of each kind")
    arguments = parser.parse_args()
    detector = LanguageDetector()
    named = sets(arguments.data)
    for wanted in (None, {"en": "en", "de": "de"}.get):
        rows = []
        for name, sentences in named.items():
            if wanted is not None and len(sentences) > 2:
                continue
            for kind, make in KINDS.items():
                rng = random.Random(SEED)
                texts = [make(sentences, rng) for _ in range(arguments.texts)]
                found = measured(detector, texts, wanted)
                shares = [f"{share:.2%}" for share in found[:4]]
                rows.append((name, kind, *shares, f"{found.microseconds:,.0f}"))
        print("wanted:", "all" if wanted is None else "en and de")
        heads = ("", "languages", "letters right", "changes found", "of those found", "all right")
        print(text_table((*heads, "us a text"), rows))


if __name__ == "__main__":
    main()
