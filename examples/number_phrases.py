"""Writes a toy corpus for `make train-demo`: English phrases with numbers, and the same in German.

`two hundred and thirty-one apples` is `zweihunderteinunddreißig Äpfel`: the order of the digits is
another one, so that there is something to learn. No phrase of `examples.en` is in the corpus.
"""

import argparse
import random
from pathlib import Path

ENGLISH = [
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
    *("ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen"),
    *("eighteen", "nineteen"),
]
ENGLISH_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
GERMAN = [
    *("null", "eins", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun"),
    *("zehn", "elf", "zwölf", "dreizehn", "vierzehn", "fünfzehn", "sechzehn", "siebzehn"),
    *("achtzehn", "neunzehn"),
]
GERMAN_TENS = [
    *("zwanzig", "dreißig", "vierzig", "fünfzig", "sechzig", "siebzig", "achtzig", "neunzig"),
]
HUNDRED, THOUSAND = 100, 1000

FRAMES = [
    ("I have {} apples.", "Ich habe {} Äpfel."),
    ("We saw {} birds in the garden.", "Wir sahen {} Vögel im Garten."),
    ("She bought {} books yesterday.", "Sie kaufte gestern {} Bücher."),
    ("There are {} people at the station.", "Am Bahnhof sind {} Leute."),
    ("The train leaves in {} minutes.", "Der Zug fährt in {} Minuten ab."),
    ("How much are {} tickets?", "Was kosten {} Fahrkarten?"),
    ("He has been waiting for {} hours.", "Er wartet seit {} Stunden."),
    ("My house is {} years old.", "Mein Haus ist {} Jahre alt."),
]

LARGEST = 9_999
EXAMPLES = 12


def english(number: int) -> str:
    """A whole number from 0 to 9,999 in words."""
    if number < len(ENGLISH):
        return ENGLISH[number]
    if number < HUNDRED:
        tens, ones = divmod(number, 10)
        return ENGLISH_TENS[tens - 2] + (f"-{ENGLISH[ones]}" if ones else "")
    if number < THOUSAND:
        hundreds, rest = divmod(number, HUNDRED)
        return f"{ENGLISH[hundreds]} hundred" + (f" and {english(rest)}" if rest else "")
    thousands, rest = divmod(number, THOUSAND)
    return f"{ENGLISH[thousands]} thousand" + (f" {english(rest)}" if rest else "")


def german(number: int) -> str:
    """Likewise."""
    if number < len(GERMAN):
        return GERMAN[number]
    if number < HUNDRED:
        tens, ones = divmod(number, 10)
        return (f"{_before(ones)}und" if ones else "") + GERMAN_TENS[tens - 2]
    if number < THOUSAND:
        hundreds, rest = divmod(number, HUNDRED)
        return f"{_before(hundreds)}hundert" + (german(rest) if rest else "")
    thousands, rest = divmod(number, THOUSAND)
    return f"{_before(thousands)}tausend" + (german(rest) if rest else "")


def _before(digit: int) -> str:
    return "ein" if digit == 1 else GERMAN[digit]


def pairs(count: int) -> list[tuple[str, str]]:
    """So many different phrases in both languages, always the same ones."""
    chosen = random.Random(1).sample(range(len(FRAMES) * (LARGEST - 1)), count)
    return [
        (source.format(english(number)), target.format(german(number)))
        for number, (source, target) in (
            (2 + index // len(FRAMES), FRAMES[index % len(FRAMES)]) for index in chosen
        )
    ]


def main() -> None:
    """Writes `train.en`, `train.de` and `examples.en` into a folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pairs", type=int, default=30_000)
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    everything = pairs(arguments.pairs + EXAMPLES)
    examples, train = everything[:EXAMPLES], everything[EXAMPLES:]
    for name, texts in (
        ("train.en", [source for source, _ in train]),
        ("train.de", [target for _, target in train]),
        ("examples.en", [source for source, _ in examples]),
    ):
        (arguments.folder / name).write_text("\n".join([*texts, ""]), encoding="utf-8")


if __name__ == "__main__":
    main()
