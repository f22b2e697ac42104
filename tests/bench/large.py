"""Models of hundreds of millions of numbers: what it takes to export, start and run them.

    python -m tests.bench.large nllb-600m --json build/bench/large-nllb-600m.json

A published model's sizes with random weights; every sentence is decoded to the same length. Export,
server and CTranslate2's converter are commands of their own, whose memory is watched; the speed of
Dragoman at its defaults and of CTranslate2 at its best setting is measured in turns, A B, B A, ...
"""

import argparse
import shutil
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Literal, get_args

from dragoman_export.families import import_model
from dragoman_server.models.bundle import Bundle
from tests.bench.chosen import as_told
from tests.bench.corpus import Corpus, encode
from tests.bench.entrants import LONGEST, PEER_THREADS, Entrant
from tests.bench.large_model import SHAPES, ElementType, ShapeName, write_large_model
from tests.bench.large_report import (
    LargeReport,
    Measured,
    Memories,
    Race,
    large_table,
    tuning_lines,
)
from tests.bench.memory_worker import Held, measure_memory
from tests.bench.models import BUILD
from tests.bench.origin import Origin, load_average
from tests.bench.peak_memory import memory, watched
from tests.bench.progress import stage
from tests.bench.projection import projection_share
from tests.bench.systems import Precision, Setting
from tests.bench.tables import markdown_table
from tests.bench.turns import in_turns
from tests.bench.workload import Workload
from tests.integration.served import COMMAND, Served

LARGE = BUILD / "large"

LIBRARIES = ("onnxruntime", "ctranslate2", "torch", "transformers")

Step = Literal["check", "export", "start", "speed", "memory", "projection"]

PEER_BATCHES = (8, 16, 32, 64)
PEER_TOKENS = (512, 2048)
"""Batches of CTranslate2, in sentences and in source tokens."""


def prepare(arguments: argparse.Namespace) -> Path:
    """Returns the checkpoint, written where it is not there yet."""
    path: Path = arguments.checkpoint or LARGE / "checkpoints" / _name(arguments)
    if not (path / "config.json").exists():
        with stage(f"{path.name}: random weights"):
            write_large_model(
                path,
                SHAPES[arguments.shape],
                fraction=arguments.scale,
                vocabulary=arguments.vocabulary,
                element_type=arguments.element_type,
            )
    return path


def _name(arguments: argparse.Namespace) -> str:
    """Of the files of a model: other sizes are another model."""
    parts = [arguments.shape, arguments.element_type]
    if arguments.scale != 1.0:
        parts.append(f"{arguments.scale:g}")
    if arguments.vocabulary:
        parts.append(str(arguments.vocabulary))
    return "-".join(parts)


def _sizes(checkpoint: Path) -> tuple[str, int]:
    """Of a model in words, and its numbers."""
    model = import_model(checkpoint)
    config = model.config
    told = (
        f"{config.encoder_layers} + {config.decoder_layers} layers, d={config.model_dim:,}, "
        f"{config.vocabulary_size:,} tokens"
    )
    return told, model.blueprint.parameters


def check(checkpoint: Path, rounds: int) -> list[float]:
    """Returns the seconds of each `dragoman export --check`."""
    return [watched([COMMAND, "export", checkpoint, "--check"]).seconds for _ in range(rounds)]


def measure(checkpoint: Path, precision: Precision, arguments: argparse.Namespace) -> Measured:
    """Takes the steps of one precision that were asked for, each with the files of those before.

    Raises:
        subprocess.CalledProcessError: A command failed.
    """
    name = f"{checkpoint.name}-{precision}"
    bundle, converted = LARGE / "bundles" / name, LARGE / "ctranslate2" / name
    found = Measured(precision)
    if "export" in arguments.step:
        with stage(f"{precision}: dragoman export"):
            command: list[str | Path] = [
                COMMAND,
                "export",
                checkpoint,
                "--output",
                bundle,
                "--force",
            ]
            command += ["--precision", precision, "--verify-sentences", str(arguments.verify)]
            found.export = watched(command)
    found.bundle_bytes = sum(file.stat().st_size for file in bundle.rglob("*") if file.is_file())
    setting = Setting("dragoman", precision, bundle, 1, LONGEST)
    if "start" in arguments.step or "speed" in arguments.step:
        setting = _start(found, setting, arguments.rounds if "start" in arguments.step else 1)
    if "speed" in arguments.step or "memory" in arguments.step:
        if "export" in arguments.step or not converted.exists():
            with stage(f"{precision}: CTranslate2's converter"):
                module = [sys.executable, "-m", "tests.bench.large_ctranslate2"]
                found.conversion = replace(
                    watched([*module, checkpoint, converted, precision]), stage=""
                )
        workload = _workload(bundle, arguments)
    if "memory" in arguments.step:
        ours = replace(setting, workers=1, threads=2, batch_size=arguments.rows)
        peer = replace(ours, system="ctranslate2", model=converted)
        found.memories = _memories(ours, peer, workload, arguments.rounds)
    if "speed" in arguments.step:
        for beam in arguments.beam:
            ours = replace(setting, beam_size=beam)
            peer = replace(ours, system="ctranslate2", model=converted)
            found.races.append(_race(ours, peer, workload, arguments.rounds))
    if "projection" in arguments.step:
        with stage(f"{precision}: the output projection's share"):
            found.projection = projection_share(
                bundle, rows=arguments.rows, threads=setting.threads
            )
    if arguments.scrap:
        for directory in (bundle, converted):
            shutil.rmtree(directory, ignore_errors=True)
    return found


def _memories(ours: Setting, peer: Setting, workload: Workload, rounds: int) -> Memories:
    held: dict[Setting, list[Held]] = {ours: [], peer: []}
    for number in range(rounds):
        for setting in in_turns((ours, peer), number):
            with stage(f"{setting.title}: memory, run {number + 1}"):
                held[setting].append(measure_memory(setting, workload))
    return Memories(ours.batch_size, held[ours], held[peer])


def _start(found: Measured, setting: Setting, rounds: int) -> Setting:
    """Starts the server; returns the setting with what it chooses by itself."""
    chosen = setting
    for number in range(rounds):
        with stage(f"{setting.precision}: dragoman serve: start {number + 1}"):
            started = time.perf_counter()
            with Served(setting.model) as server:
                found.starts.append(time.perf_counter() - started)
                found.served_bytes, _ = memory(server.process.pid)
                chosen = as_told(setting, server.log)
    return chosen


def _workload(bundle: Path, arguments: argparse.Namespace) -> Workload:
    """Sentences of the sample, cut to a length, all of whose translations have one length."""
    corpus = Corpus.built_in().sample(arguments.sentences)
    sources = encode(corpus, Bundle.load(bundle), forced_lengths=False).sources
    most = arguments.source_length
    cut = [
        source if len(source) <= most else [*source[: most - 1], source[-1]] for source in sources
    ]
    return Workload(cut, [arguments.length] * len(cut))


def _race(ours: Setting, peer: Setting, workload: Workload, rounds: int) -> Race:
    """Finds the peer's best setting, and measures both in turns."""
    alternatives = [
        replace(peer, workers=workers, threads=threads, batch_size=size)
        for workers, threads in PEER_THREADS
        for size in PEER_BATCHES
        if size <= max(len(workload.sources), PEER_BATCHES[0])
    ]
    alternatives += [
        replace(peer, workers=workers, threads=threads, batch_tokens=tokens)
        for workers, threads in PEER_THREADS
        for tokens in PEER_TOKENS
    ]
    entrants = (Entrant(ours, workload), Entrant(peer, workload, alternatives))
    with stage(f"{peer.title}: its best setting"):
        entrants[1].tune()
    for number in range(rounds):
        for entrant in in_turns(entrants, number):
            with stage(f"{entrant.setting.title}: run {number + 1}"):
                entrant.run()
    speeds = [[run.tokens_per_second for run in entrant.runs] for entrant in entrants]
    how, peer_how = (entrant.setting.how for entrant in entrants)
    return Race(ours.beam_size, speeds[0], speeds[1], how, peer_how, entrants[1].tuning)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add, precisions, steps = parser.add_argument, get_args(Precision), get_args(Step)
    add("shape", choices=get_args(ShapeName), help="whose sizes it has")
    add("--checkpoint", type=Path, help="where it is, or will be; default: under build/bench/large")
    add("--element-type", choices=get_args(ElementType), default="float32", help="of a new one")
    add("--scale", type=float, default=1.0, help="part of the layers that a new one has, to try")
    add("--vocabulary", type=int, help="tokens of a new one; default: the published model's")
    add("--precision", choices=precisions, nargs="+", default=list(precisions))
    add("--step", choices=steps, nargs="+", default=list(steps), help="default: all; without "
        "export it takes the bundles of an earlier run")  # fmt: skip
    add("--beam", type=int, nargs="+", default=[1, 4], help="beam sizes")
    add("--rounds", type=int, default=5, help="of each; medians are told")
    add("--sentences", type=int, default=64, help="that are translated")
    add("--source-length", type=int, default=32, help="tokens of a source, at most")
    add("--length", type=int, default=32, help="tokens of every translation")
    add("--verify", type=int, default=4, help="sentences that export verifies on")
    add(
        "--rows",
        type=int,
        default=32,
        help="of the step whose projection is looked at, and of memory",
    )
    add("--scrap", action="store_true", help="remove a precision's bundle once it is measured")
    add("--json", type=Path, help="all the figures")
    return parser


def main() -> None:
    """Prints a table, and writes JSON where asked to."""
    arguments = _parser().parse_args()
    loads = [load_average()]
    checkpoint = prepare(arguments)
    sizes, parameters = _sizes(checkpoint)
    seconds: list[float] = []
    if "check" in arguments.step:
        with stage("dragoman export --check"):
            seconds = check(checkpoint, arguments.rounds)
    measured = []
    for precision in arguments.precision:
        measured.append(measure(checkpoint, precision, arguments))
        loads.append(load_average())
    report = LargeReport(
        Origin.here("tests.bench.large", LIBRARIES, loads),
        SHAPES[arguments.shape].published,
        sizes,
        parameters,
        f"{arguments.sentences} sentences of at most {arguments.source_length} source tokens, "
        f"{arguments.length} target tokens each",
        seconds,
        measured,
    )
    print(report.origin.heading(f"{report.model}: {report.workload}", arguments.rounds))
    print(markdown_table(*large_table(report)))
    print("\n".join(["", *tuning_lines(measured)]))
    if arguments.json:
        report.save(arguments.json)


if __name__ == "__main__":
    main()
