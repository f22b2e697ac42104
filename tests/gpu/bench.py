"""Throughput on a GPU: Dragoman in float16 with PyTorch and with onnxruntime, beside `generate`.

    python -m tests.gpu.bench --json gpu.json

And beside CTranslate2. What is not installed is left out, and said; PyTorch comes first. The
carried sentences, repeated; ids to ids, no tokenizer. Each system gets all the sentences at once,
in a few batch sizes. Tokens are those of the outputs, end tokens counted. Prints one JSON, then a
table.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from dragoman_server.runtime.buckets import buckets
from dragoman_server.sequence import TranslationOptions
from tests.gpu import peers
from tests.gpu.carried import (
    BEAM_SIZES,
    DEVICE,
    DIRECTORY,
    FOR_ONNXRUNTIME,
    FOR_TORCH,
    MAX_LENGTH,
    CarriedBundle,
    Workload,
)
from tests.gpu.loaded import Loaded, RuntimeUnderTest, load
from tests.gpu.peers import Translate
from tests.server.engine.stepping import translate_all

STEP_RUNS = 50

Steps = Mapping[int, float]
"""Milliseconds of a step by its rows."""


class System(NamedTuple):
    """What is measured, at one batch size."""

    name: str
    translate: Translate
    steps: Steps = MappingProxyType({})
    """Of Dragoman's."""


class Result(NamedTuple):
    """One system in one setting."""

    system: str
    beam_size: int
    batch_size: int
    """Rows, or sentences of a batch."""
    tokens: int
    seconds: float

    @property
    def tokens_per_second(self) -> float:
        """Throughput."""
        return self.tokens / self.seconds


def main() -> None:
    """Measures everything that is there."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", type=Path, help="where the figures are written, too")
    parser.add_argument("--repeat", type=int, default=8, help="times that the sentences are used")
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[64, 128, 256])
    arguments = parser.parse_args()
    sources = Workload.read(DIRECTORY).sources * arguments.repeat
    results: list[Result] = []
    steps: dict[str, dict[int, float]] = {}
    for batch_size, system in _systems(arguments.batch_sizes):
        steps.setdefault(system.name, {}).update(system.steps)
        results += [_measure(system, sources, beam_size, batch_size) for beam_size in BEAM_SIZES]
    report = {
        "device": DEVICE,
        "versions": _versions(),
        "sentences": len(sources),
        "step_milliseconds": steps,
        "results": [r._asdict() | {"tokens_per_second": r.tokens_per_second} for r in results],
    }
    text = json.dumps(report, indent=1)
    print(text)
    if arguments.json:
        arguments.json.write_text(text)
    _print_table(results, steps)


def _systems(batch_sizes: list[int]) -> Iterator[tuple[int, System]]:
    """Yields all that there are with their batch sizes."""
    for offered in (_torch, _onnxruntime, _transformers, _ctranslate2):
        try:
            for batch_size in batch_sizes:
                for system in offered(batch_size):
                    yield batch_size, system
        except Exception as error:  # noqa: BLE001 - what is not there is left out, and said
            print(f"left out: {offered.__name__.strip('_')}: {error!r}", file=sys.stderr)


def _torch(batch_size: int) -> Iterator[System]:
    from tests.gpu.with_torch import Torch  # noqa: PLC0415 - as it may not be there

    for carried in FOR_TORCH:
        if carried.precision == "float16":
            yield _dragoman(Torch(), carried, batch_size)


def _onnxruntime(batch_size: int) -> Iterator[System]:
    from tests.gpu.with_onnxruntime import Onnxruntime  # noqa: PLC0415 - likewise

    for carried in FOR_ONNXRUNTIME:
        if carried.precision == "float16":
            yield _dragoman(Onnxruntime(), carried, batch_size)


def _transformers(batch_size: int) -> Iterator[System]:
    yield System("transformers", peers.transformers(batch_size))


def _ctranslate2(batch_size: int) -> Iterator[System]:
    yield System("ctranslate2", peers.ctranslate2(batch_size))


def _versions() -> dict[str, str]:
    found = {}
    for library in ("torch", "onnxruntime", "onnxruntime-gpu", "transformers", "ctranslate2"):
        with suppress(PackageNotFoundError):
            found[library] = version(library)
    return found


def _measure(system: System, sources: list[list[int]], beam_size: int, batch_size: int) -> Result:
    system.translate(sources[: 2 * batch_size], beam_size)  # whatever is done once
    started = time.perf_counter()
    targets = system.translate(sources, beam_size)
    seconds = time.perf_counter() - started
    result = Result(system.name, beam_size, batch_size, sum(len(t) + 1 for t in targets), seconds)
    print(f"{result} {result.tokens_per_second:,.0f} tokens/s", file=sys.stderr)
    return result


def _dragoman(runtime: RuntimeUnderTest, carried: CarriedBundle, max_rows: int) -> System:
    loaded = load(runtime, carried, max_rows, longest_source=Workload.read(DIRECTORY).longest)

    def translate(sources: list[list[int]], beam_size: int) -> list[list[int]]:
        options = TranslationOptions(MAX_LENGTH, beam_size=beam_size, return_scores=False)
        requests = [(source, options) for source in sorted(sources, key=len, reverse=True)]
        completions = translate_all(
            loaded.runner, loaded.manifest, requests, max_rows=max_rows, max_encode_tokens=4096
        )
        return [completion.token_ids for completion in completions]

    name = f"dragoman, {carried.format}"
    return System(name, translate, _step_milliseconds(loaded, max_rows))


def _step_milliseconds(loaded: Loaded, max_rows: int) -> Steps:
    """Median time of a step by its number of rows, transfers included."""
    medians = {}
    for rows in buckets(max_rows):
        zeros = np.zeros(rows, np.int32)
        tokens, positions = np.ones(rows, np.int64), np.full(rows, MAX_LENGTH // 4, np.int32)
        seconds = []
        for _ in range(STEP_RUNS):
            started = time.perf_counter()
            loaded.runner.decode(tokens, positions, zeros, candidate_count=1, with_normalizers=True)
            seconds.append(time.perf_counter() - started)
        medians[rows] = 1e3 * statistics.median(seconds)
    return medians


def _print_table(results: list[Result], steps: Mapping[str, Steps]) -> None:
    print(f"\n{'system':<24}{'beam':>5}{'batch':>7}{'tokens/s':>12}")
    for result in sorted(results, key=lambda r: (r.beam_size, -r.tokens_per_second)):
        print(
            f"{result.system:<24}{result.beam_size:>5}{result.batch_size:>7}"
            f"{result.tokens_per_second:>12,.0f}"
        )
    for name, medians in steps.items():
        if medians:
            told = ", ".join(f"{rows} rows {ms:.2f}" for rows, ms in sorted(medians.items()))
            print(f"\n{name}: a step, ms: {told}")


if __name__ == "__main__":
    main()
