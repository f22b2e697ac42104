"""Offline throughput beside CTranslate2 and transformers: same weights, sentences and minutes.

    python -m tests.bench.offline --model shipped --precision float32 int8 --data DIR

Every run is a fresh process. CTranslate2 is first tried at each of its settings, once, and then
runs at its best one; Dragoman runs at its defaults. The systems take turns: A B C, C B A, ...
"""

import argparse
import os
import platform
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import get_args

from sacrebleu import BLEU

from dragoman_server.bundle import Bundle, read_manifest
from dragoman_server.tokenizer import Tokenizer
from tests.bench.models import Files, Model, ModelName, load_model, prepare
from tests.bench.progress import stage
from tests.bench.report import Contender, Report, text_table
from tests.bench.systems import CORES, Precision, Setting
from tests.bench.worker import Run, measure
from tests.bench.workload import Corpus, Workload, encode

LONGEST = 254
"""Target tokens: the shipped checkpoint's own limit."""

PEER_THREADS = ((CORES, 1), (1, CORES))
"""Of CTranslate2: workers, threads of each."""
PEER_BATCHES = (16, 32, 64, 128)

GENERATE_BATCH = 32
GENERATE_SENTENCES = {"shipped": 600, "base": 100}
"""What transformers translates: from all over the corpus, fewer where it takes minutes."""

LIBRARIES = ("onnxruntime", "ctranslate2", "torch", "transformers")


@dataclass
class Entrant:
    """A system in the course of the benchmark."""

    setting: Setting
    workload: Workload
    alternatives: list[Setting] = field(default_factory=list)
    tuning: dict[str, float] = field(default_factory=dict)
    runs: list[Run] = field(default_factory=list)
    targets: list[list[int]] = field(default_factory=list)

    def tune(self) -> None:
        """Tries the alternatives and keeps the fastest."""
        for setting in self.alternatives:
            self.tuning[setting.how] = measure(setting, self.workload)[0].tokens_per_second
        if self.tuning:
            self.setting = max(self.alternatives, key=lambda setting: self.tuning[setting.how])

    def run(self) -> None:
        """Measures once."""
        run, self.targets = measure(self.setting, self.workload)
        self.runs.append(run)


def entrants(
    files: dict[Precision, Files], workload: Workload, model: Model, beams: Sequence[int]
) -> Iterator[Entrant]:
    """Yields who takes part with one model."""
    for precision, paths in files.items():
        for beam in beams:
            ours = Setting("dragoman", precision, paths.bundle, beam, LONGEST)
            peer = replace(ours, system="ctranslate2", model=paths.ctranslate2)
            yield Entrant(ours, workload)
            yield Entrant(
                peer,
                workload,
                [
                    replace(peer, workers=workers, threads=threads, batch_size=size)
                    for workers, threads in PEER_THREADS
                    for size in PEER_BATCHES
                ],
            )
            if precision == "float32":
                generate = replace(
                    ours,
                    system="transformers",
                    model=paths.checkpoint,
                    workers=1,
                    threads=CORES,
                    batch_size=GENERATE_BATCH,
                )
                yield Entrant(generate, workload.sample(GENERATE_SENTENCES[model.name]))


def compare(
    model: Model, precisions: Sequence[Precision], beams: Sequence[int], corpus: Corpus, runs: int
) -> tuple[list[Contender], list[float]]:
    """Runs everybody on one model; returns them with the load averages."""
    files = {precision: prepare(model, precision) for precision in precisions}
    bundle = Bundle.load(next(iter(files.values())).bundle)
    workload = encode(corpus, bundle, forced_lengths=model.forced_lengths)
    taking_part = list(entrants(files, workload, model, beams))
    loads = []
    for entrant in taking_part:
        if entrant.alternatives:
            with stage(f"{model.name}: {_title(entrant.setting)}: its best setting"):
                entrant.tune()
    for number in range(runs):
        loads.append(os.getloadavg()[0])
        for entrant in taking_part[:: -1 if number % 2 else 1]:
            with stage(f"{model.name}: {_title(entrant.setting)}: run {number + 1}"):
                entrant.run()
    loads.append(os.getloadavg()[0])
    tokenizer = Tokenizer(bundle)
    references = None if model.forced_lengths else corpus.references
    return [_contender(e, model, tokenizer, references) for e in taking_part], loads


def _title(setting: Setting) -> str:
    return f"{setting.system}, {setting.precision}, beam {setting.beam_size}"


def _contender(
    entrant: Entrant, model: Model, tokenizer: Tokenizer, references: list[str] | None
) -> Contender:
    setting, bleu = entrant.setting, None
    if references is not None and len(references) == len(entrant.targets):
        texts = [tokenizer.decode(target) for target in entrant.targets]
        bleu = BLEU().corpus_score(texts, [references]).score
    return Contender(
        model.name,
        setting.precision,
        setting.beam_size,
        setting.system,
        _how(setting),
        entrant.runs,
        bleu,
        entrant.tuning or None,
    )


def _how(setting: Setting) -> str:
    if setting.system != "dragoman":
        return setting.how
    scales = read_manifest(setting.model).activation_scales
    return f"{setting.how}, {scales}" if scales else setting.how


def _machine() -> str:
    names = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    return f"{len(names)} cores, {names[0]}; Python {platform.python_version()}, {libraries}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    names, precisions = get_args(ModelName), get_args(Precision)
    add("--model", choices=names, nargs="+", default=list(names))
    add("--precision", choices=precisions, nargs="+", default=["float32", "int8"])
    add("--beam", type=int, nargs="+", default=[1], help="beam sizes")
    add("--runs", type=int, default=3, help="of each system; medians are told")
    add("--data", type=Path, help="test sets tatoeba_test and flores_dev; default: a sample")
    add("--sentences", type=int, help="so many of them, from all over; default: all")
    add("--json", type=Path, help="all the figures")
    return parser


def main() -> None:
    """Prints a table, and writes JSON where asked to."""
    arguments = _parser().parse_args()
    corpus = Corpus.read(arguments.data)
    if arguments.sentences:
        corpus = corpus.sample(arguments.sentences)
    contenders: list[Contender] = []
    loads: list[float] = []
    for name in arguments.model:
        model = load_model(name)
        found, load = compare(model, arguments.precision, arguments.beam, corpus, arguments.runs)
        contenders += found
        loads += load
    report = Report(_machine(), corpus.name, loads, contenders)
    print(f"{report.machine}\n{report.corpus}, medians of {arguments.runs} runs", end="; ")
    print(f"load average {statistics.mean(loads):.1f}\n\n{text_table(contenders)}")
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        report.save(arguments.json)


if __name__ == "__main__":
    main()
