"""Offline throughput beside CTranslate2, transformers and Optimum, on the same weights.

    python -m tests.bench.offline --model shipped --precision float32 int8 --data DIR

Every run is a fresh process. CTranslate2 is first tried at each of its settings, once, and then
runs at its best one; Dragoman runs as its server chooses when it starts. The systems take turns:
A B C, C B A, ...
"""

import argparse
from pathlib import Path
from typing import get_args

from sacrebleu import BLEU

from dragoman_server.models.bundle import Bundle, read_manifest
from dragoman_server.models.tokenizer import load_tokenizer
from dragoman_server.service import TextCodec
from tests.bench.arithmetic import Sizes, multiply_adds
from tests.bench.corpus import Corpus, encode
from tests.bench.entrants import Entrant, entrants
from tests.bench.models import (
    EVERYWHERE,
    Files,
    Model,
    ModelName,
    find_files,
    load_model,
    prepare,
    prepare_optimum,
)
from tests.bench.optimum_environment import versions
from tests.bench.origin import Origin, load_average
from tests.bench.progress import stage
from tests.bench.report import Contender, Report, text_rows
from tests.bench.systems import Precision, Setting, SystemName
from tests.bench.tables import text_table
from tests.bench.turns import in_turns

LIBRARIES = ("onnxruntime", "ctranslate2", "torch", "transformers")


def compare(
    model: Model, corpus: Corpus, arguments: argparse.Namespace
) -> tuple[list[Contender], list[float]]:
    """Runs everybody on one model; returns them with the load averages."""
    if not arguments.sentences:
        corpus = corpus.sample(model.compared)
    files = _files(model, arguments)
    bundle = Bundle.load(next(iter(files.values())).bundle)
    workload = encode(corpus, bundle, forced_lengths=model.forced_lengths)
    generated = workload.sample(model.generated)
    taking_part = list(entrants(files, workload, generated, arguments.beam, arguments.system))
    for entrant in taking_part:
        if entrant.alternatives:
            with stage(f"{model.name}: {entrant.setting.title}: its best setting"):
                entrant.tune()
    loads = []
    for number in range(arguments.runs):
        loads.append(load_average())
        for entrant in in_turns(taking_part, number):
            with stage(f"{model.name}: {entrant.setting.title}: run {number + 1}"):
                entrant.run()
    tokenizer = load_tokenizer(bundle)
    references = None if model.forced_lengths else corpus.references
    return [_contender(e, model, tokenizer, references) for e in taking_part], loads


def _files(model: Model, arguments: argparse.Namespace) -> dict[Precision, Files]:
    find = find_files if arguments.reuse else prepare
    files: dict[Precision, Files] = {
        precision: find(model, precision) for precision in arguments.precision
    }
    if "optimum" in arguments.system and "float32" in files:
        prepare_optimum(files["float32"])
    return files


def _contender(
    entrant: Entrant, model: Model, tokenizer: TextCodec, references: list[str] | None
) -> Contender:
    setting, bleu = entrant.setting, None
    if references is not None and len(references) == len(entrant.targets):
        texts = [tokenizer.decode(target) for target in entrant.targets]
        bleu = BLEU().corpus_score(texts, [references]).score
    sizes = Sizes.read(model.checkpoint)
    sentences = zip(entrant.workload.sources, entrant.targets, strict=True)
    lengths = [(len(source), len(target) + 1) for source, target in sentences]
    return Contender(
        model.name,
        setting.precision,
        setting.beam_size,
        setting.system,
        _how(setting),
        entrant.runs,
        len(lengths),
        multiply_adds(sizes, lengths, setting.beam_size),
        sizes.target_token,
        bleu,
        entrant.tuning or None,
    )


def _how(setting: Setting) -> str:
    if setting.system != "dragoman":
        return setting.how
    scales = read_manifest(setting.model).activation_scales
    return f"{setting.how}, {scales}" if scales else setting.how


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    models, precisions, systems = get_args(ModelName), get_args(Precision), get_args(SystemName)
    add("--model", choices=models, nargs="+", default=list(EVERYWHERE))
    add("--precision", choices=precisions, nargs="+", default=list(precisions))
    add("--system", choices=systems, nargs="+", default=list(systems))
    add("--beam", type=int, nargs="+", default=[1, 4], help="beam sizes")
    add("--runs", type=int, default=3, help="of each system; medians are told")
    add("--reuse", action="store_true", help="the models that an earlier benchmark converted")
    add("--data", type=Path, help="test sets tatoeba_test and flores_dev; default: a sample")
    add("--sentences", type=int, help="so many, from all over; default: by the size of the model")
    add("--json", type=Path, help="all the figures")
    return parser


def main() -> None:
    """Prints a table, and writes JSON where asked to."""
    arguments = _parser().parse_args()
    corpus = Corpus.read(arguments.data) if arguments.data else Corpus.built_in()
    if arguments.sentences:
        corpus = corpus.sample(arguments.sentences)
    contenders: list[Contender] = []
    loads: list[float] = []
    for name in arguments.model:
        found, load = compare(load_model(name), corpus, arguments)
        contenders += found
        loads += load
    others = [versions()] if "optimum" in arguments.system else []
    origin = Origin.here("tests.bench.offline", LIBRARIES, loads, others)
    report = Report(origin, corpus.name, contenders)
    print(origin.heading(corpus.name, arguments.runs))
    print(text_table(*text_rows(contenders)))
    if arguments.json:
        report.save(arguments.json)


if __name__ == "__main__":
    main()
