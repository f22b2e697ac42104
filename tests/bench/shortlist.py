"""What lists of tokens gain where the vocabulary is large, beside the whole and CTranslate2.

    python -m tests.bench.shortlist --vocabulary 32000 256000 --data DIR

Models of transformer-base's size with random weights, in int8, greedy; every translation is decoded
to its reference's length. What such a model says is noise, and so are its lists: each token of a
source stands for EACH invented ones, so that lists and their unions are as long as those of a real
vocabulary of 32,000 tokens (docs/benchmarks/tried.md). Everybody runs in turns, each in a fresh
process.
"""

import argparse
import statistics
from dataclasses import replace
from pathlib import Path

import numpy as np

from dragoman_export.bundle import write_manifest
from dragoman_export.export import ExportRequest, export
from dragoman_server.models.bundle import Bundle, read_manifest
from dragoman_server.runtime.shortlist import load_shortlist
from tests.bench.corpus import Corpus, encode
from tests.bench.ctranslate2_model import convert
from tests.bench.entrants import LONGEST
from tests.bench.models import BUILD, FEW_SENTENCES, SHIPPED
from tests.bench.origin import Origin, load_average
from tests.bench.progress import stage
from tests.bench.random_model import BASE, write_random_model
from tests.bench.systems import Setting
from tests.bench.tables import text_table, with_range
from tests.bench.turns import in_turns
from tests.bench.worker import measure
from tests.bench.workload import Workload

EACH = 10
"""Invented tokens for each token of a source."""

FREQUENT = 200
"""Of every list."""

UNION_OF = 64
"""Sentences whose union is told."""


def prepare(vocabulary: int) -> tuple[Path, Path]:
    """Returns the bundle and CTranslate2's model, made where they are not there yet."""
    name = f"base-{vocabulary}"
    checkpoint = BUILD / f"checkpoints/{name}"
    bundle, peer = BUILD / f"bundles/{name}-listed", BUILD / f"ctranslate2/{name}-int8"
    if not (checkpoint / "config.json").exists():
        with stage(f"{name}: random weights"):
            write_random_model(checkpoint, SHIPPED, BASE._replace(vocabulary=vocabulary))
    if not (bundle / "bundle.json").exists():
        request = ExportRequest(
            checkpoint=checkpoint,
            output=bundle,
            precision="int8",
            sentences=FEW_SENTENCES,
            activation_scales="calibrated",
            attention=False,
            shortlist=FEW_SENTENCES,
        )
        export(request, lambda what: stage(f"{name}: {what}"))
        _invent(bundle)
    if not peer.exists():
        with stage(f"{name}: ctranslate2"):
            convert(checkpoint, peer, "int8")
    return bundle, peer


def _invent(bundle: Path) -> None:
    """Writes lists of invented tokens in place of the bundle's."""
    manifest = read_manifest(bundle)
    size, shortlist = manifest.architecture.vocabulary_size, manifest.shortlist
    random = np.random.default_rng(0)
    tokens = random.integers(1, size - 1, EACH * size, dtype=np.int32)
    np.save(bundle / shortlist.offsets_path, EACH * np.arange(size + 1))
    np.save(bundle / shortlist.tokens_path, tokens)
    np.save(bundle / shortlist.frequent_path, np.arange(FREQUENT, dtype=np.int32))
    (bundle / "bundle.json").unlink()
    write_manifest(manifest, bundle)


def _lists(bundle: Path, workload: Workload) -> str:
    """How long they are, and their unions."""
    lists = [*map(load_shortlist(Bundle.load(bundle)).list_for, workload.sources)]
    apart = range(0, len(lists) - UNION_OF + 1, UNION_OF)
    unions = [len(np.unique(np.concatenate(lists[i : i + UNION_OF]))) for i in apart]
    return (
        f"lists of {statistics.mean(map(len, lists)):,.0f} tokens in the mean, "
        f"{statistics.mean(unions):,.0f} in those of {UNION_OF} sentences together"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("--vocabulary", type=int, nargs="+", default=[BASE.vocabulary, 256_000])
    add("--rows", type=int, nargs="+", default=[128], help="of an engine")
    add("--peer-batch", type=int, nargs="+", default=[32, 64], help="sentences of its batches")
    add("--runs", type=int, default=3, help="of each; medians are told")
    add("--sentences", type=int, default=300, help="so many of the test sets")
    add("--prepare", action="store_true", help="make what is measured, and measure nothing")
    add("--data", type=Path, help="test sets tatoeba_test and flores_dev; default: a sample")
    return parser


def main() -> None:
    """Prints a table for each vocabulary."""
    arguments = _parser().parse_args()
    corpus = Corpus.read(arguments.data) if arguments.data else Corpus.built_in()
    corpus = corpus.sample(arguments.sentences)
    made = [(vocabulary, *prepare(vocabulary)) for vocabulary in arguments.vocabulary]
    if arguments.prepare:
        return
    load = load_average()
    for vocabulary, bundle, peer in made:
        workload = encode(corpus, Bundle.load(bundle), forced_lengths=True)
        ours = Setting("dragoman", "int8", bundle, 1, LONGEST)
        whole = [replace(ours, batch_size=rows) for rows in arguments.rows]
        listed = [replace(each, shortlist=True) for each in whole]
        theirs = replace(ours, system="ctranslate2", model=peer)
        peers = [replace(theirs, batch_size=size) for size in arguments.peer_batch]
        speeds: dict[Setting, list[float]] = {}
        for number in range(arguments.runs):
            for setting in in_turns([*whole, *listed, *peers], number):
                with stage(f"{vocabulary}: {setting.title}: run {number + 1}"):
                    run, _ = measure(setting, workload)
                speeds.setdefault(setting, []).append(run.tokens_per_second)
        print(f"{vocabulary:,} tokens; {_lists(bundle, workload)}")
        lines = [
            (each.system, "lists" if each.shortlist else "all", each.how, with_range(runs, ",.0f"))
            for each, runs in speeds.items()
        ]
        print(text_table(("system", "tokens", "setting", "target tokens/s"), lines))
    origin = Origin.here("tests.bench.shortlist", ("onnxruntime", "ctranslate2"), [load])
    print(origin.heading(corpus.name, arguments.runs))


if __name__ == "__main__":
    main()
