"""Writes what the benchmarks found into docs/benchmarks, and draws its pictures.

    python -m tests.bench.document build/bench/offline.json build/bench/latency.json ...

Each part goes to the page of the machine that it was measured on. A machine that has none gets one.
"""

import argparse
from pathlib import Path

from tests.bench.bar_charts import draw_latency, draw_offline
from tests.bench.growth_chart import draw_growth
from tests.bench.load_chart import draw_load
from tests.bench.machine import Machine
from tests.bench.page import new_page, update
from tests.bench.parts import (
    Part,
    growth_picture,
    latency_picture,
    load_picture,
    offline_picture,
    render,
)
from tests.bench.results import Results

ROOT = Path(__file__).parents[2]
"""Not from `tests.bench.models`, which needs extra `bench`: its own tests do without."""


def write(results: Results, pages: Path) -> list[Path]:
    """Writes pages and pictures into a folder, and returns the pages that were written.

    Raises:
        ValueError: A page is not fit for it. None is written then.
    """
    by_machine: dict[Machine, list[Part]] = {}
    for part in render(results):
        by_machine.setdefault(part.machine, []).append(part)
    texts = {
        page: update(page.read_text("utf-8") if page.exists() else new_page(machine), parts)
        for machine, parts in by_machine.items()
        for page in [pages / f"{machine.page}.md"]
    }
    draw(results, pages)
    pages.mkdir(parents=True, exist_ok=True)
    for page, text in texts.items():
        page.write_text(text, "utf-8")
    return list(texts)


def draw(results: Results, pages: Path) -> None:
    """Writes every picture that the pages show, into a folder for each machine."""
    for offline in results.offline:
        images = pages / Machine.of(offline.origin).page
        for model in offline.models:
            contenders = [c for c in offline.contenders if c.model == model]
            draw_offline(contenders, images / offline_picture(model))
    for latency in results.latency:
        images = pages / Machine.of(latency.origin).page
        for model in latency.models:
            streams = [stream for stream in latency.streams if stream.model == model]
            draw_latency(streams, images / latency_picture(model))
    for load in results.load:
        images = pages / Machine.of(load.origin).page
        for contest in load.contests:
            draw_load(contest, images / load_picture(contest))
    for growth in results.growth:
        images = pages / Machine.of(growth.origin).page
        for sweep, curves in growth.sweeps.items():
            draw_growth(sweep, curves, images / growth_picture(sweep))


def main() -> None:
    """Says which pages it wrote."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("reports", type=Path, nargs="+", help="what --json of the benchmarks wrote")
    add("--pages", type=Path, default=ROOT / "docs/benchmarks", help="where they are, or will be")
    arguments = parser.parse_args()
    for page in write(Results.read(arguments.reports), arguments.pages):
        print(page)


if __name__ == "__main__":
    main()
