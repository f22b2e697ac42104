"""Prints how the bundles of small models of every family compare with the families' own libraries.

Usage: python -m tests.families.real_text DATA [--only FAMILY] [--sentences N] [--processes N]
    [--int8]
"""

import argparse
import multiprocessing
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from importlib import metadata
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tests.bench.tables import markdown_table
from tests.families.real_text.counts import BEAM_SIZES, FORMATS, Measured
from tests.families.real_text.models import Model, models
from tests.families.real_text.texts import RealTexts, read
from tests.families.real_text.worker import measured, prepare

HEADINGS = (
    "family",
    "settings",
    "own library",
    *(
        f"{name}, {'greedy' if size == 1 else f'beam {size}'}: equal / ties / different"
        for name in FORMATS
        for size in BEAM_SIZES
    ),
    "distinct",
    "largest score difference",
    "int8: mean log-probability difference",
)


def main() -> int:
    """Runs all models; 1 where anything differs."""
    arguments = _arguments()
    texts = read(arguments.data, arguments.sentences)
    chosen = [
        index
        for index, model in enumerate(models())
        if arguments.only is None or arguments.only.lower() in model.family.lower()
    ]
    results = _run(chosen, texts, arguments.processes, with_int8=arguments.int8)
    print(markdown_table(HEADINGS, [_line(models()[index], results[index]) for index in chosen]))
    return 0 if all(result.is_same for result in results.values()) else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("data", type=Path, help="directory of the parallel text")
    parser.add_argument("--only", help="families whose name has this in it")
    parser.add_argument("--sentences", type=int, default=200)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--int8", action="store_true", help="also calibrate int8 graphs, of ONNX")
    return parser.parse_args()


def _run(
    chosen: Sequence[int], texts: RealTexts, processes: int, *, with_int8: bool
) -> dict[int, Measured]:
    """What came of each model, by its index."""
    results: dict[int, Measured] = {}
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    context = multiprocessing.get_context("spawn")
    with (
        ProcessPoolExecutor(processes, mp_context=context, initializer=prepare) as pool,
        Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True)) as progress,
    ):
        task = progress.add_task("models", total=len(chosen))
        futures = {
            pool.submit(measured, index, texts, with_int8=with_int8): index for index in chosen
        }
        for future in as_completed(futures):
            index = futures[future]
            results[index] = future.result()
            progress.update(task, advance=1, description=models()[index].family)
            progress.console.print(
                " | ".join(_line(models()[index], results[index])), soft_wrap=True
            )
            for told in results[index].told:
                progress.console.print(told, soft_wrap=True, markup=False)
    return results


def _line(model: Model, result: Measured) -> list[str]:
    is_package = model.own in {"transformers", "torch", "ctranslate2"}
    own = f"{model.own} {metadata.version(model.own)}" if is_package else model.own
    return [
        model.family,
        result.settings,
        own,
        *(str(result.counts[name, size]) for name in FORMATS for size in BEAM_SIZES),
        str(result.distinct),
        f"{result.score_difference:.1e}",
        "" if result.int8_difference is None else f"{result.int8_difference:.2g}",
    ]


if __name__ == "__main__":
    sys.exit(main())
