"""For which shapes of a step PyTorch's kernels give a row other bits than in other company.

    python -m tests.bench.independence build/bundles/en-de-torchscript --json FILE

One thread, on the CPU; bundles of torchscript or pt2, in whatever precision. A row is compared with
itself in the largest step: in steps of every number of rows, in other orders, and among sources and
targets of every length; a sentence likewise with itself in the largest batch of the encoder. Keys
and values are random numbers, as it is shapes that choose a kernel and its order of adding up. Each
is done with the graphs and shapes as they come, and with what the runner makes of both; what one
shape for all costs is measured by tests.bench.runtimes.
"""

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from dragoman_export.graphs import PLAIN
from dragoman_export.verification.plain_decoding import load_plain
from dragoman_server.models.bundle import Bundle
from dragoman_server.runtime.pytorch.encoding import rounded
from dragoman_server.runtime.pytorch.graphs import Graph, load_graphs
from dragoman_server.runtime.pytorch.runner import FEWEST_ROWS
from tests.bench.random_rows import LIVE, PLACES, ROWS, Sentences, Steps, random
from tests.bench.tables import text_table

ORDERS = 2
"""In which rows are tried."""

FACTORS = (16, 8, 4, 2)
"""Sizes that kernels do without remainders: where those agree, it is said so."""

EVERYTHING = torch.arange(ROWS)
SOME = (EVERYTHING[:8], EVERYTHING[:32])

Run = Callable[[Tensor], Tensor]
"""Some rows -> what is found of each."""


class Finding(NamedTuple):
    """What one sweep over sizes found."""

    what: str
    tried: str
    differ: str
    """Sizes at which a row had other bits than in the largest step."""
    still: str
    """Likewise with graphs as the runner loads them, and with its shapes."""


class Trial(NamedTuple):
    """What is run at one size."""

    choices: Sequence[Tensor]
    """Of rows."""
    plain: Run
    measures: Run


def findings(bundle: Bundle) -> list[Finding]:
    """Every sweep over one bundle."""
    manifest = bundle.manifest
    graph_format = PLAIN[manifest.format]  # type: ignore[index]
    plain_encoder, plain_decoder = (
        load_plain(bundle.path / graph.path, graph_format)
        for graph in (manifest.encoder, manifest.decoder)
    )
    encoder, decoder, _ = load_graphs(bundle, torch.device("cpu"))
    return [
        *_of_steps(Steps(manifest), plain_decoder, decoder),
        *_of_batches(Sentences(manifest), plain_encoder, encoder),
    ]


def _of_steps(steps: Steps, plain: Graph, loaded: Graph) -> list[Finding]:
    """Sweeps over steps of a decoder: as it comes, and as the runner loads it."""

    def step(graph: Graph, *, target: int = PLACES, source: int = PLACES) -> Run:
        return lambda rows: steps.logits(graph, rows, target, source)

    def with_others(rows: Tensor) -> Tensor:
        others = EVERYTHING[: max(0, FEWEST_ROWS - len(rows))]
        return step(loaded)(torch.cat([rows, others]))[: len(rows)]

    largest = step(plain)(EVERYTHING), step(loaded)(EVERYTHING)
    return [
        _sweep(
            "rows of a step",
            range(1, ROWS + 1),
            largest,
            lambda n: Trial(_orders(n), step(plain), with_others),
        ),
        _sweep(
            "places of the longest target",
            range(LIVE, PLACES + 1),
            largest,
            lambda n: Trial(SOME, step(plain, target=n), step(loaded, target=rounded(n))),
        ),
        _sweep(
            "places of the longest source",
            range(LIVE, PLACES + 1),
            largest,
            lambda n: Trial(SOME, step(plain, source=n), step(loaded, source=rounded(n))),
        ),
    ]


def _of_batches(sentences: Sentences, plain: Graph, loaded: Graph) -> list[Finding]:
    """Likewise over batches of an encoder."""

    def batch(graph: Graph, source: int = PLACES) -> Run:
        return lambda rows: sentences.padded(graph, rows, source)

    def served(rows: Tensor) -> Tensor:
        return sentences.as_served(loaded, rows)

    largest = batch(plain)(EVERYTHING), batch(loaded)(EVERYTHING)
    return [
        _sweep(
            "tokens of a sentence that is encoded alone",
            range(1, LIVE + 1),
            largest,
            lambda n: Trial([EVERYTHING[n - 1 : n]], batch(plain), served),
        ),
        _sweep(
            "sentences that are encoded together",
            range(1, ROWS + 1),
            largest,
            lambda n: Trial(_orders(n), batch(plain), served),
        ),
        _sweep(
            "places of the longest of them",
            range(LIVE, PLACES + 1),
            largest,
            lambda n: Trial(SOME, batch(plain, n), batch(loaded, rounded(n))),
        ),
    ]


def _sweep(
    what: str, sizes: range, largest: tuple[Tensor, Tensor], trial: Callable[[int], Trial]
) -> Finding:
    """Compares with the largest step of the plain graphs, and of those that the runner loads."""
    differ: tuple[list[int], list[int]] = ([], [])
    for size in sizes:
        choices, plain, measures = trial(size)
        for found, expected, run in zip(differ, largest, (plain, measures), strict=True):
            if not all(torch.equal(expected[rows], run(rows)) for rows in choices):
                found.append(size)
    return Finding(what, f"{sizes[0]} to {sizes[-1]}", *[told(sizes, found) for found in differ])


def _orders(count: int) -> list[Tensor]:
    """Some choices of so many rows."""
    generator = random()
    return [torch.randperm(ROWS, generator=generator)[:count] for _ in range(ORDERS)]


def told(sizes: Sequence[int], differ: Sequence[int]) -> str:
    """In words: "1 to 3, 7", "all but multiples of 4", "none"."""
    for factor in FACTORS:
        others = [size for size in sizes if size % factor]
        if set(others) <= set(differ):
            few = [str(size) for size in differ if size % factor == 0]
            return ", ".join([f"all but multiples of {factor}", *few])
    runs: list[list[int]] = []
    for number in differ:
        if runs and number == runs[-1][-1] + 1:
            runs[-1][1:] = [number]
        else:
            runs.append([number])
    return ", ".join(" to ".join(map(str, run)) for run in runs) or "none"


def main() -> None:
    """Prints a table, and writes JSON where asked to."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("bundle", type=Path, nargs="+", help="of torchscript or pt2")
    parser.add_argument("--json", type=Path, help="all the findings")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    all_findings = {}
    for path in arguments.bundle:
        bundle = Bundle.load(path)
        name = f"{bundle.manifest.format}, {bundle.manifest.precision}"
        all_findings[name] = findings(bundle)
        print(f"{name}, torch {torch.__version__}")
        print(text_table(Finding._fields, all_findings[name]), "\n")
    if arguments.json:
        report = {name: [each._asdict() for each in found] for name, found in all_findings.items()}
        arguments.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
