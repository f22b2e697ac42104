"""How often the language of a text is found out, how often nothing is said, and what that costs.

    python -m tests.bench.detection --data ../shared/data/en-de

On the lines of flores_dev and tatoeba_test and on their first three words, if they are there, and
on the everyday sentences of the tests.
"""

import argparse
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from dragoman_server.detection import LanguageDetector, choose, likeliest

EVERYDAY = Path(__file__).parents[1] / "server" / "detection" / "everyday.tsv"
WORDS = 3


class Labelled(NamedTuple):
    """A text and the language that it is in."""

    code: str
    text: str


def beginnings(lines: list[Labelled]) -> list[Labelled]:
    return [Labelled(code, " ".join(text.split()[:WORDS])) for code, text in lines]


def labelled_sets(data: Path | None) -> Iterator[tuple[str, list[Labelled]]]:
    everyday = [
        Labelled(*line.split("\t")) for line in EVERYDAY.read_text(encoding="utf-8").splitlines()
    ]
    sets = {"everyday": everyday}
    if data is not None:
        for name in ("flores_dev", "tatoeba_test"):
            for code in ("en", "de"):
                texts = (data / f"{name}.{code}").read_text(encoding="utf-8").splitlines()
                sets[f"{name}.{code}"] = [Labelled(code, text) for text in texts]
    for name, lines in sets.items():
        yield name, lines
        yield f"{name}, {WORDS} words", beginnings(lines)


def measure(detector: LanguageDetector, name: str, lines: list[Labelled]) -> None:
    began_at = time.perf_counter()
    guesses = [detector.guesses(text) for _, text in lines]
    microseconds = (time.perf_counter() - began_at) / len(lines) * 1e6
    codes = [code for code, _ in lines]
    best = [each[0].language_code if each else "" for each in guesses]
    said = [likeliest(each) for each in guesses]
    chosen = [choose(each, {"en": "en", "de": "de"}.get) for each in guesses]
    of_two = [
        code == found.language_code for code, found in zip(codes, chosen, strict=True) if found
    ]
    right = sum(map(str.__eq__, codes, best)) / len(lines)
    sure = [code == each for code, each in zip(codes, said, strict=True) if each != "und"]
    line = f"{name:<26} best guess right {right:7.2%}; said {len(sure) / len(lines):7.2%}, "
    line += f"of which right {sum(sure) / len(sure):7.2%}"
    if set(codes) <= {"en", "de"}:
        line += f"; of en and de: said {len(of_two) / len(lines):7.2%}, right "
        line += f"{sum(of_two) / len(of_two):7.2%}"
    print(f"{line}; {microseconds:.1f} us a text")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder of flores_dev.en and so on")
    detector = LanguageDetector()
    for name, lines in labelled_sets(parser.parse_args().data):
        measure(detector, name, lines)
    text = "Wo ist der Bahnhof? " * 1500
    began_at = time.perf_counter()
    for _ in range(1000):
        detector.guesses(text)
    print(f"{len(text):,} code points: {(time.perf_counter() - began_at) * 1000:.1f} us")


if __name__ == "__main__":
    main()
