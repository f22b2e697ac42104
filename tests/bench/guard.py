"""What the guard finds, what it mends, how often it is wrong, and what it costs.

`python -m tests.bench.guard`: with the shipped model, as it is and with a length ratio in its
manifest. Human translations are taken for free of faults, and faults are made of them; the server
looks at both as at translations of its own, which begin with all of them.
"""

import argparse
import math
import random
import shutil
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple, Self

import sacrebleu
from google.protobuf import json_format

from dragoman.v1.bundle_pb2 import LengthRatio
from dragoman.v1.translation_pb2 import (
    GUARD_OFF,
    GUARD_RETRY,
    GUARD_WARN,
    SEGMENTATION_NONE,
    DecodingOptions,
    Guard,
    StreamTranslateTextRequest,
    Translation,
)
from dragoman_server.config import Config
from dragoman_server.local import LocalTranslator
from dragoman_server.models import Bundle, load_tokenizer

SETS = ("flores_dev", "newstest2014", "tatoeba_test")
SEED = 2026
FAULT_LINES = 300
FEW_LINES = 200
LONG_WORDS = 60
TURNS = 3

FRENCH = (
    "Le conseil municipal a approuvé le budget de l'année prochaine après une longue discussion.",
    "Les enfants jouaient dans le jardin pendant que leurs parents préparaient le repas du soir.",
    "Cette découverte pourrait changer notre manière de comprendre l'histoire de la région.",
)
RUSSIAN = ("Городской совет утвердил бюджет на следующий год после долгого обсуждения.",)
ENGLISH = ("The town council has approved the budget for the coming year after a long discussion.",)

GARBAGE = (
    *("asdf jkl qwer zxcv uiop", "%$#@! ((( ]] ~~ ^^", "lorem ipsum dolor sit amet consectetur"),
    *("aaaaaaaaaaaaaaaaaaaaaaaaaaaa", "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17", "x x x x x x"),
    *("buy now buy now buy now cheap cheap", "0x7fff 0xdead 0xbeef", "the the of of and and to to"),
    *("Ω≈ç√∫µ≤≥÷", "ha ha ha ha ha ha", "foo(bar, baz) -> qux[0]; // TODO"),
)

Pair = tuple[str, str]


class Run(NamedTuple):
    """Translations, and how fast they came; None of what was refused."""

    translations: list[Translation | None]
    tokens: int
    seconds: float
    cpu_seconds: float

    @property
    def texts(self) -> list[str]:
        """What came out."""
        return [each.translated_text if each else "" for each in self.translations]

    @property
    def reasons(self) -> Counter[str]:
        """Of how many translations each reason is said."""
        return Counter(w.reason for each in self.translations if each for w in each.warnings)

    @property
    def flagged(self) -> int:
        """Translations with a warning."""
        return sum(bool(each.warnings) for each in self.translations if each)


def main() -> None:
    """Runs all of it and prints what it finds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", type=Path, default=Path("build/bundles/en-de-int8"))
    parser.add_argument("--data", type=Path, default=Path("../shared/data/en-de"))
    parser.add_argument("--part", choices=("made", "model", "cost"), help="default: all of them")
    arguments = parser.parse_args()
    parts = (arguments.part,) if arguments.part else ("made", "model", "cost")
    sets = {name: _pairs(arguments.data, name) for name in SETS}
    own = [source for source, _ in _pairs(arguments.data, "tatoeba_dev")]
    with tempfile.TemporaryDirectory() as directory:
        with Bench(arguments.bundle) as bench:
            if "made" in parts:
                print("without a length ratio")
                bench.tell_references(sets)
                bench.tell_faults(sets)
            ratio = bench.length_ratio(own)
        calibrated = _calibrated(arguments.bundle, Path(directory) / "bundle", ratio)
        with Bench(calibrated) as bench:
            print(f"with a length ratio of mean {ratio.mean:.3f}, deviation {ratio.deviation:.3f}")
            if "made" in parts:
                bench.tell_references(sets)
                bench.tell_faults(sets)
            if "model" in parts:
                bench.tell_model(sets)
            if "cost" in parts:
                bench.tell_cost(sets)


class Bench:
    """A server in this process, that finds out languages too."""

    def __init__(self, bundle: Path) -> None:
        self._tokenizer = load_tokenizer(Bundle.load(bundle))
        config = Config(bundle=(bundle,), detect_languages=True)
        self._opened = LocalTranslator.open(config)

    def __enter__(self) -> Self:
        self._translator = self._opened.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.__exit__(None, None, None)

    def run(self, requests: Iterable[StreamTranslateTextRequest]) -> Run:
        """Translates."""
        began, cpu_began = time.perf_counter(), time.process_time()
        outcomes = list(self._translator.translate_stream(requests))
        seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - cpu_began
        translations = [each if isinstance(each, Translation) else None for each in outcomes]
        tokens = sum(each.target_token_count for each in translations if each)
        return Run(translations, tokens, seconds, cpu_seconds)

    def translate(self, sources: Iterable[str], guard: "Guard.ValueType") -> Run:
        """Translates texts as a caller would."""
        return self.run(
            StreamTranslateTextRequest(id="0", content=text, guard=guard) for text in sources
        )

    def judge(self, pairs: Iterable[Pair]) -> Run:
        """Lets the guard look at these translations."""
        return self.run(self._as_said(*pair) for pair in pairs)

    def _as_said(self, source: str, target: str) -> StreamTranslateTextRequest:
        count = max(1, len(self._tokenizer.encode_target(target)))
        options = DecodingOptions(target_prefix=target, max_decoding_length=count)
        return StreamTranslateTextRequest(
            id="0",
            content=source,
            segmentation=SEGMENTATION_NONE,
            options=options,
            guard=GUARD_WARN,
        )

    def length_ratio(self, sources: Sequence[str]) -> LengthRatio:
        """Returns that of the model's own translations."""
        ratios = [
            math.log(each.target_token_count / (each.source_token_count - 1))
            for each in self.translate(sources, GUARD_OFF).translations
            if each and each.target_token_count
        ]
        return LengthRatio(mean=statistics.fmean(ratios), deviation=statistics.stdev(ratios))

    def tell_references(self, sets: dict[str, list[Pair]]) -> None:
        """Tells what is found in human translations, where nothing should be."""
        print(" human translations with a warning")
        for name, pairs in sets.items():
            _tell(name, self.judge(pairs))

    def tell_faults(self, sets: dict[str, list[Pair]]) -> None:
        """Tells in how many of those with a fault made one is found."""
        print(" made faults that are found")
        chance = random.Random(SEED)
        for name, pairs in sets.items():
            some = chance.sample([pair for pair in pairs if len(pair[1].split()) > 5], FAULT_LINES)
            for fault, make in FAULTS.items():
                run = self.judge((source, make(source, target, chance)) for source, target in some)
                _tell(f"{name}, {fault}", run)

    def tell_model(self, sets: dict[str, list[Pair]]) -> None:
        """Tells what is found in the model's translations, what is mended, and what that does."""
        print(" the model's translations with a warning, and what is left of them once more")
        news = sets["newstest2014"]
        some = {
            **sets,
            "newstest2014 in capitals": [(s.upper(), t) for s, t in news[:FEW_LINES]],
            f"more than {LONG_WORDS} words": _long(news),
            "French and Russian": [(text, "") for text in (*FRENCH, *RUSSIAN)],
            "German": [(target, "") for _, target in news[:FEW_LINES]],
            "garbage": [(text, "") for text in GARBAGE],
        }
        for name, pairs in some.items():
            self._tell_mended(name, pairs)

    def _tell_mended(self, name: str, pairs: list[Pair]) -> None:
        sources = [source for source, _ in pairs]
        runs = {guard: self.translate(sources, guard) for guard in (GUARD_WARN, GUARD_RETRY)}
        _tell(f"{name}, found", runs[GUARD_WARN])
        _tell(f"{name}, left", runs[GUARD_RETRY])
        if not pairs[0][1]:
            return
        found = [bool(each and each.warnings) for each in runs[GUARD_WARN].translations]
        for which, wanted in (("all", [True] * len(pairs)), ("with a warning", found)):
            references = _where([target for _, target in pairs], wanted)
            before, after = (
                _scores(_where(run.texts, wanted), references) for run in runs.values()
            )
            print(f"    {which}: {before} before; {after} after", flush=True)

    def tell_cost(self, sets: dict[str, list[Pair]]) -> None:
        """Tells tokens a second with and without, in turns."""
        for name, count in (("tatoeba_test", 1000), ("newstest2014", 400)):
            sources = [source for source, _ in sets[name][:count]]
            self.translate(sources, GUARD_RETRY)  # loads what is loaded when it is needed
            speeds: dict[str, list[Run]] = {}
            for _ in range(TURNS):
                for guard in (GUARD_OFF, GUARD_WARN, GUARD_RETRY):
                    run = self.translate(sources, guard)
                    speeds.setdefault(Guard.Name(guard), []).append(run)
            print(f" speed, {name}: medians of {TURNS} turns, and the least and the most")
            for which, runs in speeds.items():
                figures = (
                    _spread([run.tokens / run.seconds for run in runs]),
                    _spread([run.tokens / run.cpu_seconds for run in runs]),
                    _spread([len(sources) / run.cpu_seconds for run in runs]),
                )
                print("  {}: {} tokens/s; {} and {} texts/s of CPU time".format(which, *figures))


def _repeated(source: str, target: str, chance: random.Random) -> str:  # noqa: ARG001
    words = target.split()
    size = chance.randint(1, 4)
    begin = chance.randint(0, len(words) - size)
    phrase = words[begin : begin + size] * chance.randint(4, 10)
    return " ".join(words[:begin] + phrase + words[begin + size :])


def _cut(source: str, target: str, chance: random.Random) -> str:  # noqa: ARG001
    words = target.split()
    return " ".join(words[: len(words) // 2])


def _cut_far(source: str, target: str, chance: random.Random) -> str:  # noqa: ARG001
    words = target.split()
    return " ".join(words[: max(1, len(words) // 5)])


FAULTS: dict[str, Callable[[str, str, random.Random], str]] = {
    "a phrase 4 to 10 times": _repeated,
    "second half lost": _cut,
    "four fifths lost": _cut_far,
    "twice": lambda _, target, __: f"{target} {target}",
    "source copied": lambda source, _, __: source,
    "French": lambda _, __, chance: chance.choice(FRENCH),
    "English, another text": lambda *_: ENGLISH[0],
}
"""Returns a translation with a fault, of a source and a good translation."""


def _long(pairs: list[Pair]) -> list[Pair]:
    """Returns sentences that are joined until they have more than LONG_WORDS words."""
    joined: list[Pair] = []
    source, target = "", ""
    for one, other in pairs:
        glue = ", and " if source else ""
        source += glue + one.rstrip(".")
        target += (", und " if target else "") + other.rstrip(".")
        if len(source.split()) > LONG_WORDS:
            joined.append((source + ".", target + "."))
            source, target = "", ""
    return joined[:FEW_LINES]


def _pairs(data: Path, name: str) -> list[Pair]:
    sides = [(data / f"{name}.{code}").read_text("utf-8").split("\n")[:-1] for code in ("en", "de")]
    return list(zip(*sides, strict=True))


def _calibrated(bundle: Path, copy: Path, ratio: LengthRatio) -> Path:
    """Returns a bundle that is the same but for what its manifest says of lengths."""
    shutil.copytree(bundle, copy)
    manifest = Bundle.load(bundle).manifest
    manifest.calibration.length_ratio.CopyFrom(ratio)
    text = json_format.MessageToJson(manifest, preserving_proto_field_name=True)
    (copy / "bundle.json").write_text(text, "utf-8")
    return copy


def _spread(values: Sequence[float]) -> str:
    return f"{statistics.median(values):,.0f} ({min(values):,.0f} to {max(values):,.0f})"


def _where(texts: Sequence[str], wanted: Sequence[bool]) -> list[str]:
    return [text for text, is_wanted in zip(texts, wanted, strict=True) if is_wanted]


def _scores(texts: list[str], references: list[str]) -> str:
    if not texts:
        return "nothing"
    bleu = sacrebleu.corpus_bleu(texts, [references], force=True).score
    return f"BLEU {bleu:.2f}, chrF {sacrebleu.corpus_chrf(texts, [references]).score:.2f}"


def _tell(name: str, run: Run) -> None:
    looked_at = sum(each is not None for each in run.translations)
    reasons = ", ".join(f"{reason} {count}" for reason, count in run.reasons.most_common())
    share = f"{run.flagged / max(1, looked_at):.2%}"
    print(f"  {name}: {run.flagged} of {looked_at} ({share}) {reasons}", flush=True)


if __name__ == "__main__":
    main()
